import { useState } from "preact/hooks";
import { send, useAnswer } from "../answers.ts";
import { access as words } from "../words/access.ts";
import { Confirm } from "./dialog.tsx";
import { Submit, useSubmit } from "./field.tsx";
import { Select, SelectField } from "./select.tsx";
import { Loaded } from "./states.tsx";

interface TeamPermission {
  readonly group_name: string;
  readonly group_id: number;
  readonly permission: string;
}
interface Team {
  readonly id: number;
  readonly name: string;
}

/** The permissions that can be given. */
export const levels = Object.entries(words.levels).filter(([level]) => level !== "none");

/** The teams of an organisation with a permission on a repository. A user's own namespace has none. */
export function TeamPermissions({
  call,
  namespace,
}: {
  /** `…/groups` of the repository. */
  readonly call: string;
  readonly namespace: string;
}) {
  const answer = useAnswer<{ readonly results: readonly TeamPermission[] }>(call);
  const teams = useAnswer<{ readonly results: readonly Team[] }>(
    `/v2/orgs/${namespace}/groups?page_size=100`,
  );
  const [removed, setRemoved] = useState<TeamPermission>();
  if (answer.failure !== undefined || teams.failure !== undefined) return null;
  return (
    <section class="card" aria-labelledby="teams">
      <header>
        <h2 id="teams">{words.teams}</h2>
      </header>
      <Loaded answer={answer} url={call} lines={2}>
        {({ results }) => (
          <>
            {results.length === 0 && <p class="body muted">{words.noTeams}</p>}
            <ul class="list">
              {results.map((one) => (
                <li key={one.group_id}>
                  <a href={`/u/${namespace}/-/teams/${one.group_name}`}>{one.group_name}</a>
                  <span class="end actions">
                    <Select
                      label={`${words.level}: ${one.group_name}`}
                      options={levels}
                      value={one.permission}
                      onValue={(permission) =>
                        void send("PATCH", `${call}/${one.group_id}`, { permission })
                      }
                    />
                    <button type="button" class="btn small" onClick={() => setRemoved(one)}>
                      {words.remove}
                    </button>
                  </span>
                </li>
              ))}
            </ul>
            <AddTeam
              call={call}
              teams={(teams.data?.results ?? []).filter(
                ({ id }) => !results.some((one) => one.group_id === id),
              )}
            />
          </>
        )}
      </Loaded>
      {removed && (
        <Confirm
          title={words.removeTitle(removed.group_name)}
          action={words.remove}
          isDangerous
          onClose={() => setRemoved(undefined)}
          onConfirm={() => send("DELETE", `${call}/${removed.group_id}`)}
        >
          <p>{words.removeHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function AddTeam({ call, teams }: { readonly call: string; readonly teams: readonly Team[] }) {
  const [id, setId] = useState("");
  const [permission, setPermission] = useState("read");
  const form = useSubmit(
    () => send("POST", call, { group_id: Number(id), permission }),
    () => setId(""),
  );
  if (teams.length === 0) return null;
  return (
    <form class="body form" onSubmit={form.onSubmit}>
      <SelectField
        label={words.teamName}
        options={[
          ["", words.chooseTeam],
          ...teams.map((team) => [`${team.id}`, team.name] as const),
        ]}
        value={id}
        onValue={setId}
        required
      />
      <SelectField
        label={words.level}
        options={levels}
        value={permission}
        onValue={setPermission}
      />
      <Submit action={words.addTeam} form={form} />
    </form>
  );
}
