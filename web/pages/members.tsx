import { useState } from "preact/hooks";
import type { MemberAnswer } from "../../src/api/organisations.ts";
import { membersCall, organisationPath } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { useChanging } from "../parts/field.tsx";
import { Select } from "../parts/select.tsx";
import { ListCard, SearchInput, SelectInput } from "../parts/list-tools.tsx";
import { Since } from "../parts/text.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { members as words } from "../words/members.ts";

interface MemberPage {
  readonly count: number;
  readonly results: readonly MemberAnswer[];
}
type Role = keyof typeof words.roles;
const roles = Object.entries(words.roles) as [Role, string][];

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
      <ListCard
        title={words.title}
        actions={
          isOwner && (
            <>
              <a class="btn small" href={organisationPath(account, "/members/export")} download>
                {words.export}
              </a>
              <a class="btn small primary" href={`/u/${account}/-/invites`}>
                {words.invite}
              </a>
            </>
          )
        }
        tools={
          <>
            <SearchInput label={words.search} />
            <SelectInput
              label={words.role}
              parameter="role"
              options={[["", words.anyRole], ...Object.entries(words.roles)]}
            />
          </>
        }
        answer={answer}
        call={call}
        empty={words.none}
        footer={words.rolesHint}
      >
        {(results) => <Table members={results} onAsk={setAsked} />}
      </ListCard>
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
          <Select
            label={words.roleOf(name)}
            options={roles}
            value={shown}
            onValue={ask}
            disabled={isRunning || isLastOwner}
            describedBy={isLastOwner ? "last-owner" : undefined}
          />
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
        onConfirm={() =>
          send("PUT", memberPath(account, user?.username ?? ""), { role: asked.role })
        }
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
      onConfirm={() => send("DELETE", memberPath(account, username))}
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
