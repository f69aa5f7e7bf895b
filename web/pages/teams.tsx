import { useState } from "preact/hooks";
import type { TeamAnswer } from "../../src/api/organisations.ts";
import { organisationPath, teamsCall } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { count, visibleText } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { ListCard, SearchInput } from "../parts/list-tools.tsx";
import { Team } from "../parts/team.tsx";
import { go, useParams, usePlace } from "../router.ts";
import { teams as words } from "../words/members.ts";

interface TeamPage {
  readonly count: number;
  readonly results: readonly TeamAnswer[];
}

const teamAddress = (account: string, team: string): string =>
  `/u/${account}/-/teams/${encodeURIComponent(team)}`;

/** The teams of an organisation, or one of them. */
export function Page() {
  const { team } = useParams();
  return team === undefined ? <Teams /> : <Team name={team} />;
}

function Teams() {
  const { account, isOwner } = useAccount();
  const { url } = usePlace();
  const call = teamsCall(account, url.searchParams);
  const answer = useAnswer<TeamPage>(call, { live: true });
  const list = (
    <ListCard
      title={words.title}
      tools={<SearchInput label={words.search} />}
      answer={answer}
      call={call}
      empty={words.none}
    >
      {(results) => <Table teams={results} />}
    </ListCard>
  );
  return (
    <AccountPage tab="teams" first={answer}>
      {isOwner ? (
        <div class="cols flush">
          <div class="stack">{list}</div>
          <aside class="stack" aria-label={words.new}>
            <NewTeam />
          </aside>
        </div>
      ) : (
        list
      )}
    </AccountPage>
  );
}

function Table({ teams }: { readonly teams: readonly TeamAnswer[] }) {
  const { account } = useAccount();
  return (
    <table class="cards">
      <thead>
        <tr>
          <th>{words.columns.team}</th>
          <th>{words.columns.description}</th>
          <th class="r">{words.columns.members}</th>
        </tr>
      </thead>
      <tbody>
        {teams.map((team) => (
          <tr key={team.id}>
            <td>
              <a href={teamAddress(account, team.name)}>
                <b>{team.name}</b>
              </a>
            </td>
            <td class="full sub">{visibleText(team.description)}</td>
            <td class="r num" data-label={words.columns.members}>
              {count(team.member_count)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function NewTeam() {
  const { account } = useAccount();
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const form = useSubmit(
    () =>
      send<TeamAnswer>("POST", organisationPath(account, "/groups"), {
        name: name.trim(),
        description,
      }),
    (team) => go(teamAddress(account, team.name)),
  );
  return (
    <section class="card" aria-labelledby="new">
      <header>
        <h2 id="new">{words.new}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field
          label={words.name}
          hint={words.nameHint}
          value={name}
          onValue={setName}
          errors={form.errorsOf("name")}
          autocomplete="off"
          maxLength={100}
          required
        />
        <Field
          label={words.description}
          value={description}
          onValue={setDescription}
          errors={form.errorsOf("description")}
          maxLength={1000}
        />
        <Submit action={words.create} form={form} />
      </form>
    </section>
  );
}
