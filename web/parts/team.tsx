import { useState } from "preact/hooks";
import type { TeamAnswer } from "../../src/api/organisations.ts";
import { organisationPath, teamMembersCall, teamPath } from "../account-calls.ts";
import { get, send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { go, usePlace } from "../router.ts";
import { members as memberWords, teams as words } from "../words/members.ts";
import { AccountPage, useAccount } from "./account-page.tsx";
import { Confirm } from "./dialog.tsx";
import { Field, Submit, useSubmit } from "./field.tsx";
import { Pages, SearchInput } from "./list-tools.tsx";
import { Loaded } from "./states.tsx";
import { TeamRepositories } from "./team-repositories.tsx";

interface User {
  readonly username: string;
  readonly full_name: string;
}
interface UserPage {
  readonly count: number;
  readonly results: readonly User[];
}

/** A team: its members, and the repositories on which it has a permission. */
export function Team({ name }: { readonly name: string }) {
  const { account, isOwner } = useAccount();
  const call = teamPath(account, name);
  const answer = useAnswer<TeamAnswer>(call);
  const [isDeleted, setDeleted] = useState(false);
  const isOwners = name === "owners";
  return (
    <AccountPage tab="teams" first={answer}>
      <div class="list-head">
        <a class="link" href={`/u/${account}/-/teams`}>
          {words.back}
        </a>
        <h2>{name}</h2>
        {answer.data && (
          <>
            <span class="chip num">{words.memberCount(answer.data.member_count)}</span>
            <span class="muted">{visibleText(answer.data.description)}</span>
          </>
        )}
        {isOwner && !isOwners && (
          <span class="end">
            <button type="button" class="btn danger" onClick={() => setDeleted(true)}>
              {words.delete}
            </button>
          </span>
        )}
      </div>
      <div class="two-columns">
        <Members team={name} mayChange={isOwner && !isOwners} />
        {isOwners ? (
          <p class="note">{words.ownersHint}</p>
        ) : (
          answer.data && <TeamRepositories team={answer.data} />
        )}
      </div>
      {isDeleted && (
        <Confirm
          title={words.deleteTitle(name)}
          action={words.delete}
          isDangerous
          onClose={() => setDeleted(false)}
          onConfirm={async () => {
            const result = await send("DELETE", call);
            if (result.ok) go(`/u/${account}/-/teams`);
            return result;
          }}
        >
          <p>{words.deleteHint(answer.data?.member_count ?? 0)}</p>
        </Confirm>
      )}
    </AccountPage>
  );
}

function Members({ team, mayChange }: { readonly team: string; readonly mayChange: boolean }) {
  const { account } = useAccount();
  const { url } = usePlace();
  const call = teamMembersCall(account, team, url.searchParams);
  const answer = useAnswer<UserPage>(call, { live: true });
  const [removed, setRemoved] = useState<string>();
  return (
    <section class="card" aria-labelledby="members">
      <header>
        <h3 id="members">{words.members}</h3>
      </header>
      <div class="toolbar">
        <SearchInput label={memberWords.search} />
      </div>
      <Loaded answer={answer} url={call}>
        {({ results, count }) =>
          results.length === 0 ? (
            <p class="empty-state">{words.noMembers}</p>
          ) : (
            <>
              <ul class="list">
                {results.map((one) => (
                  <li key={one.username}>
                    <a href={`/u/${one.username}`}>{one.username}</a>
                    <span class="sub">{visibleText(one.full_name)}</span>
                    {mayChange && (
                      <button
                        type="button"
                        class="btn small end"
                        onClick={() => setRemoved(one.username)}
                      >
                        {words.remove}
                        <span class="sr"> {one.username}</span>
                      </button>
                    )}
                  </li>
                ))}
              </ul>
              <Pages all={count} shown={results.length} />
            </>
          )
        }
      </Loaded>
      {mayChange && <AddMember team={team} />}
      {removed !== undefined && (
        <Confirm
          title={words.removeTitle(removed, team)}
          action={words.remove}
          isDangerous
          onClose={() => setRemoved(undefined)}
          onConfirm={() => send("DELETE", teamPath(account, team, `/members/${removed}`))}
        >
          <p>{words.removeHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function AddMember({ team }: { readonly team: string }) {
  const { account } = useAccount();
  const [member, setMember] = useState("");
  const form = useSubmit(
    () => send("POST", teamPath(account, team, "/members"), { member: member.trim() }),
    () => setMember(""),
  );
  return (
    <form class="body form" onSubmit={form.onSubmit}>
      <Field
        label={words.addMember}
        value={member}
        onValue={setMember}
        errors={form.errorsOf("member")}
        placeholder={words.user}
        autocomplete="off"
        suggest={async (text) => {
          const search = encodeURIComponent(text);
          const found = await get<UserPage>(
            organisationPath(account, `/members?search=${search}&page_size=10`),
          );
          return found.ok ? found.data.results.map(({ username }) => username) : [];
        }}
        required
      />
      <Submit action={words.add} form={form} />
    </form>
  );
}
