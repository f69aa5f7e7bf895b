import { useState } from "preact/hooks";
import type { TeamRepositoryAnswer } from "../../src/api/access.ts";
import type { TeamAnswer } from "../../src/api/organisations.ts";
import { repositoriesPath, teamRepositoriesCall } from "../account-calls.ts";
import { hubCall, repositoryAddress } from "../addresses.ts";
import { get, send, useAnswer } from "../answers.ts";
import { setQuery, usePlace } from "../router.ts";
import { teams as words } from "../words/members.ts";
import { useAccount } from "./account-page.tsx";
import { Confirm } from "./dialog.tsx";
import { Field, Submit, useChanging, useSubmit } from "./field.tsx";
import { Select, SelectField } from "./select.tsx";
import { Loaded } from "./states.tsx";

type Level = keyof typeof words.levels;
const levels = Object.entries(words.levels) as [Level, string][];

interface RepositoryPage {
  readonly next: string | null;
  readonly results: readonly TeamRepositoryAnswer[];
}

/** The repositories on which a team has a permission. The list has no page numbers: each page follows a name. */
export function TeamRepositories({ team }: { readonly team: TeamAnswer }) {
  const { account } = useAccount();
  const { url } = usePlace();
  const call = teamRepositoriesCall(account, team.name, url.searchParams.get("last"));
  const answer = useAnswer<RepositoryPage>(call, { live: true });
  const [removed, setRemoved] = useState<string>();
  return (
    <section class="card" aria-labelledby="repositories">
      <header>
        <h3 id="repositories">{words.repositories}</h3>
      </header>
      <Loaded answer={answer} url={call}>
        {({ results, next }) => (
          <>
            {results.length === 0 && <p class="empty-state">{words.noRepositories}</p>}
            <ul class="list">
              {results.map((one) => (
                <Repository
                  key={one.name}
                  team={team}
                  repository={one}
                  onRemove={() => setRemoved(one.name)}
                />
              ))}
            </ul>
            {next !== null && (
              <div class="body">
                <button
                  type="button"
                  class="btn small"
                  onClick={() => setQuery({ last: results.at(-1)?.name })}
                >
                  {words.moreRepositories}
                </button>
              </div>
            )}
          </>
        )}
      </Loaded>
      <Give team={team} />
      {removed !== undefined && (
        <Confirm
          title={words.takeTitle(removed)}
          action={words.remove}
          isDangerous
          onClose={() => setRemoved(undefined)}
          onConfirm={() => send("DELETE", hubCall(removed, `/groups/${team.id}`))}
        >
          <p>{words.takeHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Repository({
  team,
  repository: { name, level },
  onRemove,
}: {
  readonly team: TeamAnswer;
  readonly repository: TeamRepositoryAnswer;
  readonly onRemove: () => void;
}) {
  const { isOwner } = useAccount();
  const { shown, change } = useChanging(level);
  return (
    <li>
      <a href={repositoryAddress(name)}>{name}</a>
      {isOwner ? (
        <span class="end actions">
          <Select
            label={words.permissionOn(name)}
            options={levels}
            value={shown}
            onValue={(permission) =>
              void change(permission, () =>
                send("PATCH", hubCall(name, `/groups/${team.id}`), { permission }),
              )
            }
          />
          <button type="button" class="btn small" onClick={onRemove}>
            {words.remove}
            <span class="sr"> {name}</span>
          </button>
        </span>
      ) : (
        <span class="end chip">{words.levels[level]}</span>
      )}
    </li>
  );
}

function Give({ team }: { readonly team: TeamAnswer }) {
  const { account, isOwner } = useAccount();
  const [name, setName] = useState("");
  const [permission, setPermission] = useState<Level>("read");
  const full = name.includes("/") ? name.trim() : `${account}/${name.trim()}`;
  const form = useSubmit(
    () => send("POST", hubCall(full, "/groups"), { group_id: team.id, permission }),
    () => setName(""),
  );
  if (!isOwner) return null;
  return (
    <form class="body form" onSubmit={form.onSubmit}>
      <Field
        label={words.repository}
        value={name}
        onValue={setName}
        placeholder={`${account}/app`}
        autocomplete="off"
        suggest={async (text) => {
          const part = encodeURIComponent(text.replace(`${account}/`, ""));
          const found = await get<{ readonly results: readonly { readonly name: string }[] }>(
            `${repositoriesPath(account)}?name=${part}&page_size=10&ordering=name`,
          );
          return found.ok ? found.data.results.map((one) => `${account}/${one.name}`) : [];
        }}
        required
      />
      <SelectField
        label={words.permission}
        options={levels}
        value={permission}
        onValue={setPermission}
      />
      <Submit action={words.give} form={form} />
    </form>
  );
}
