import { useState } from "preact/hooks";
import type { AccessAnswer, AccessListAnswer } from "../../src/api/access.ts";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall, repositoryCall } from "../addresses.ts";
import { ask, get, send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { Pager } from "../parts/pager.tsx";
import { RepositoryHead } from "../parts/repository-head.tsx";
import { Loaded, Loading } from "../parts/states.tsx";
import { TeamPermissions } from "../parts/team-permissions.tsx";
import { setQuery, useParams, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { access as words } from "../words/repository-pages.ts";
import { FailedPage } from "./not-found.tsx";

const pageSize = 50;
const levels = ["read", "write", "admin"];

/** Who may do what on a repository, and why. */
export function Page() {
  const { name = "" } = useParams();
  const call = repositoryCall(name);
  const { data, failure } = useAnswer<RepositoryAnswer>(call);
  if (data === undefined)
    return failure === undefined ? (
      <Loading />
    ) : (
      <FailedPage failure={failure} onRetry={() => void ask(call)} />
    );
  return (
    <>
      <RepositoryHead repository={data} tab="access" />
      <main id="main" class="wrap page">
        <div class="cols flush">
          <div class="stack">
            <People name={data.name} />
          </div>
          <aside class="stack" aria-label={words.title}>
            <Why name={data.name} />
            <AddPerson name={data.name} />
            <TeamPermissions
              call={hubCall(data.name, "/groups")}
              namespace={data.name.split("/")[0] ?? ""}
            />
          </aside>
        </div>
      </main>
    </>
  );
}

const reasonsOf = ({ because }: AccessAnswer): string =>
  because
    .map(({ kind, team }) =>
      kind === "team" ? words.team(team ?? "") : (words.reason[kind] ?? kind),
    )
    .join(", ");

function People({ name }: { readonly name: string }) {
  const { url } = usePlace();
  const { user } = useSession();
  const [removed, setRemoved] = useState<string>();
  const page = Number(url.searchParams.get("page") ?? "1");
  const search = url.searchParams.get("search") ?? "";
  const asked = new URLSearchParams({ page: String(page), page_size: String(pageSize) });
  if (search !== "") asked.set("search", search);
  const call = repositoryCall(name, `/-/access?${asked.toString()}`);
  const answer = useAnswer<AccessListAnswer>(call);
  return (
    <section class="card" aria-labelledby="people">
      <header>
        <h2 id="people">{words.title}</h2>
      </header>
      <div class="toolbar">
        <input
          type="search"
          class="input"
          aria-label={words.search}
          placeholder={words.search}
          defaultValue={search}
          onInput={({ currentTarget }) =>
            setQuery({ search: currentTarget.value }, { replace: true })
          }
        />
      </div>
      <Loaded answer={answer} url={call}>
        {({ results, count, is_public: isPublic }) => (
          <>
            {isPublic && <p class="body sub">{words.everybody}</p>}
            {results.length === 0 ? (
              <p class="empty-state">{words.none}</p>
            ) : (
              <table class="cards">
                <thead>
                  <tr>
                    <th>{words.who}</th>
                    <th>{words.level}</th>
                    <th>{words.because}</th>
                    <th>
                      <span class="sr">{words.remove}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {results.map((one) => (
                    <Person
                      key={one.username}
                      name={name}
                      access={one}
                      onRemove={() => setRemoved(one.username)}
                    />
                  ))}
                </tbody>
              </table>
            )}
            <div class="body">
              <Pager page={page} pageSize={pageSize} all={count} shown={results.length} />
            </div>
          </>
        )}
      </Loaded>
      {removed !== undefined && (
        <Confirm
          title={words.removeTitle(removed)}
          action={words.remove}
          isDangerous
          onClose={() => setRemoved(undefined)}
          onConfirm={async () => {
            const result = await send(
              "DELETE",
              repositoryCall(name, `/-/collaborators/${removed}`),
            );
            return result.ok ? undefined : result.failure;
          }}
        >
          <p>{removed === user?.username ? words.removeOwn : words.removeHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Person({
  name,
  access,
  onRemove,
}: {
  readonly name: string;
  readonly access: AccessAnswer;
  readonly onRemove: () => void;
}) {
  const own = access.because.find(({ kind }) => kind === "own");
  return (
    <tr>
      <td>
        <a href={`/u/${access.username}`}>{access.username}</a>
        {access.is_disabled && <span class="chip warn">{words.disabled}</span>}
        {access.full_name !== "" && <div class="sub">{visibleText(access.full_name)}</div>}
      </td>
      <td>
        {own === undefined ? (
          words.levels[access.level]
        ) : (
          <select
            class="select"
            aria-label={`${words.level}: ${access.username}`}
            value={own.level}
            onChange={({ currentTarget }) =>
              void send("PUT", repositoryCall(name, `/-/collaborators/${access.username}`), {
                permission: currentTarget.value,
              })
            }
          >
            {levels.map((level) => (
              <option key={level} value={level}>
                {words.levels[level]}
              </option>
            ))}
          </select>
        )}
      </td>
      <td class="full sub">{reasonsOf(access)}</td>
      <td class="r">
        {own !== undefined && (
          <button type="button" class="btn small" onClick={onRemove}>
            {words.remove}
          </button>
        )}
      </td>
    </tr>
  );
}

function Why({ name }: { readonly name: string }) {
  const [user, setUser] = useState("");
  const [text, setText] = useState("");
  const form = useSubmit(
    () => get<AccessAnswer>(repositoryCall(name, `/-/access/${encodeURIComponent(user.trim())}`)),
    (found) =>
      setText(words.answer(found.username, words.levels[found.level] ?? "", reasonsOf(found))),
  );
  return (
    <section class="card" aria-labelledby="why">
      <header>
        <h2 id="why">{words.why}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field label={words.user} hint={words.whyHint} value={user} onValue={setUser} required />
        <Submit action={words.ask} form={{ ...form, isSaved: false }} />
        <p role="status">{form.failure === undefined && text}</p>
      </form>
    </section>
  );
}

function AddPerson({ name }: { readonly name: string }) {
  const [user, setUser] = useState("");
  const [permission, setPermission] = useState("read");
  const form = useSubmit(
    () =>
      send("PUT", repositoryCall(name, `/-/collaborators/${encodeURIComponent(user.trim())}`), {
        permission,
      }),
    () => setUser(""),
  );
  return (
    <section class="card" aria-labelledby="person">
      <header>
        <h2 id="person">{words.addPerson}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field label={words.user} value={user} onValue={setUser} required />
        <select
          class="select"
          aria-label={words.level}
          value={permission}
          onChange={({ currentTarget }) => setPermission(currentTarget.value)}
        >
          {levels.map((level) => (
            <option key={level} value={level}>
              {words.levels[level]}
            </option>
          ))}
        </select>
        <Submit action={words.addPerson} form={form} />
      </form>
    </section>
  );
}
