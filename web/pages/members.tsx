import { useState } from "preact/hooks";
import type { MemberAnswer } from "../../src/api/organisations.ts";
import { membersCall, organisationPath } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { useChanging } from "../parts/field.tsx";
import { Pages, SearchInput, SelectInput } from "../parts/list-tools.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since } from "../parts/text.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { members as words } from "../words/members.ts";

interface MemberPage {
  readonly count: number;
  readonly results: readonly MemberAnswer[];
}
type Role = keyof typeof words.roles;
const roles = Object.keys(words.roles) as Role[];

/** What a dialog asks about. */
type Asked =
  | { readonly of: "removal"; readonly member: MemberAnswer }
  | { readonly of: "own role"; readonly role: Role };

/** The members of an organisation and their roles. */
export function Page() {
  const { account, isOwner } = useAccount();
  const { url } = usePlace();
  const call = membersCall(account, url.searchParams);
  const answer = useAnswer<MemberPage>(call, { live: true });
  const [asked, setAsked] = useState<Asked>();
  return (
    <AccountPage tab="members" first={answer}>
      <section class="card" aria-labelledby="members">
        <header>
          <h2 id="members">{words.title}</h2>
          {isOwner && (
            <span class="end">
              <a class="btn small" href={organisationPath(account, "/members/export")} download>
                {words.export}
              </a>
              <a class="btn small primary" href={`/u/${account}/-/invites`}>
                {words.invite}
              </a>
            </span>
          )}
        </header>
        <div class="toolbar">
          <SearchInput label={words.search} />
          <SelectInput
            label={words.role}
            parameter="role"
            options={[["", words.anyRole], ...Object.entries(words.roles)]}
          />
        </div>
        <Loaded answer={answer} url={call}>
          {({ results, count }) =>
            results.length === 0 ? (
              <p class="empty-state">{words.none}</p>
            ) : (
              <>
                <Table members={results} onAsk={setAsked} />
                <Pages all={count} shown={results.length} />
              </>
            )
          }
        </Loaded>
        <footer>{words.rolesHint}</footer>
      </section>
      {asked && <Ask asked={asked} onClose={() => setAsked(undefined)} />}
    </AccountPage>
  );
}

const memberPath = (account: string, user: string): string =>
  organisationPath(account, `/members/${user}`);

function Table({
  members,
  onAsk,
}: {
  readonly members: readonly MemberAnswer[];
  readonly onAsk: (asked: Asked) => void;
}) {
  const { account, isOwner } = useAccount();
  const { data } = useAnswer<MemberPage>(
    isOwner ? organisationPath(account, "/members?role=owner&page_size=1") : undefined,
  );
  const hasOneOwner = data?.count === 1;
  return (
    <table class="cards">
      <thead>
        <tr>
          <th>{words.columns.user}</th>
          <th>{words.columns.role}</th>
          <th>{words.columns.teams}</th>
          <th>{words.columns.joined}</th>
          {isOwner && (
            <th>
              <span class="sr">{words.remove}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {members.map((member) => (
          <Member
            key={member.username}
            member={member}
            isLastOwner={hasOneOwner && member.role === "Owner"}
            onAsk={onAsk}
          />
        ))}
      </tbody>
    </table>
  );
}

function Member({
  member,
  isLastOwner,
  onAsk,
}: {
  readonly member: MemberAnswer;
  readonly isLastOwner: boolean;
  readonly onAsk: (asked: Asked) => void;
}) {
  const { account, isOwner } = useAccount();
  const { user } = useSession();
  const { username: name, groups } = member;
  const role = member.role.toLowerCase() as Role;
  const { shown, isRunning, change } = useChanging(role);
  const ask = (next: Role) => {
    const losesOwn = name === user?.username && role === "owner" && !user.is_admin;
    if (losesOwn) onAsk({ of: "own role", role: next });
    else void change(next, () => send("PUT", memberPath(account, name), { role: next }));
  };
  return (
    <tr>
      <td>
        <a href={`/u/${name}`}>{name}</a>
        {(member.full_name !== "" || member.email !== "") && (
          <div class="sub">
            {[member.full_name, member.email].filter(Boolean).map(visibleText).join(" · ")}
          </div>
        )}
      </td>
      <td data-label={words.columns.role}>
        {isOwner ? (
          <select
            class="select"
            aria-label={words.roleOf(name)}
            aria-describedby={isLastOwner ? "last-owner" : undefined}
            value={shown}
            disabled={isRunning || isLastOwner}
            onChange={({ currentTarget }) => ask(currentTarget.value as Role)}
          >
            {roles.map((one) => (
              <option key={one} value={one}>
                {words.roles[one]}
              </option>
            ))}
          </select>
        ) : (
          words.roles[role]
        )}
        {isOwner && isLastOwner && (
          <div class="sub" id="last-owner">
            {words.lastOwner}
          </div>
        )}
      </td>
      <td data-label={words.columns.teams}>{groups.join(", ") || "–"}</td>
      <td class="nw" data-label={words.columns.joined}>
        <Since time={member.date_joined} />
      </td>
      {isOwner && (
        <td class="r act">
          <button
            type="button"
            class="btn small"
            disabled={isLastOwner}
            onClick={() => onAsk({ of: "removal", member })}
          >
            {words.remove}
          </button>
        </td>
      )}
    </tr>
  );
}

function Ask({ asked, onClose }: { readonly asked: Asked; readonly onClose: () => void }) {
  const { account } = useAccount();
  const { user } = useSession();
  if (asked.of === "own role")
    return (
      <Confirm
        title={words.demoteTitle}
        action={words.demote}
        isDangerous
        onClose={onClose}
        onConfirm={async () => {
          const path = memberPath(account, user?.username ?? "");
          const result = await send("PUT", path, { role: asked.role });
          return result.ok ? undefined : result.failure;
        }}
      >
        <p>{words.demoteHint}</p>
      </Confirm>
    );
  const { username, groups } = asked.member;
  return (
    <Confirm
      title={words.removeTitle(username, account)}
      action={words.remove}
      isDangerous
      onClose={onClose}
      onConfirm={async () => {
        const result = await send("DELETE", memberPath(account, username));
        return result.ok ? undefined : result.failure;
      }}
    >
      <p>
        {words.removeHint(
          username,
          groups.filter((team) => team !== "owners"),
        )}
      </p>
      <p>{words.removeKeeps}</p>
    </Confirm>
  );
}
