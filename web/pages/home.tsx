import { popularCall, recentCall, repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { Prompt } from "../parts/copy.tsx";
import { RepositoryList, type SearchHit } from "../parts/repository-list.tsx";
import { Loaded } from "../parts/states.tsx";
import { useSession } from "../session.ts";
import { home } from "../words/explore.ts";
import { frame } from "../words/frame.ts";

interface Hits {
  readonly count: number;
  readonly results: readonly SearchHit[];
}

function Listed({ title, call }: { readonly title: string; readonly call: string }) {
  const answer = useAnswer<Hits>(call, { live: true });
  return (
    <section class="card">
      <header>
        <h2>{title}</h2>
      </header>
      <Loaded answer={answer} url={call}>
        {({ results }) => <RepositoryList repositories={results} />}
      </Loaded>
    </section>
  );
}

function Starred({ user }: { readonly user: string }) {
  const { data } = useAnswer<{
    readonly results: readonly { readonly name: string; readonly namespace: string }[];
  }>(`/v2/users/${user}/repositories/starred?page_size=10`);
  if (data === undefined || data.results.length === 0) return null;
  return (
    <section class="card">
      <header>
        <h2>{home.starred}</h2>
      </header>
      <ul class="list">
        {data.results.map(({ name, namespace }) => (
          <li key={`${namespace}/${name}`}>
            <a href={repositoryAddress(`${namespace}/${name}`)}>{`${namespace}/${name}`}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Own() {
  const { user, namespaces, invites } = useSession();
  if (user === null) return null;
  return (
    <>
      <section class="card">
        <header>
          <h2>{home.yours}</h2>
          <span class="end">
            <a class="btn small" href="/new">
              {frame.newRepository}
            </a>
          </span>
        </header>
        <ul class="list">
          {namespaces.map(({ name, role }) => (
            <li key={name}>
              <a href={`/u/${name}`}>{name}</a>
              <span class="chip end">{home.roles[role]}</span>
            </li>
          ))}
          {invites > 0 && (
            <li>
              <a class="link" href="/settings/profile">
                {home.invites} <span class="count num">{invites}</span>
              </a>
            </li>
          )}
        </ul>
      </section>
      <Starred user={user.username} />
    </>
  );
}

/** The start page: the newest pushes, the most pulled repositories, and the user's namespaces. */
export function Page() {
  const { user, host } = useSession();
  const { data } = useAnswer<Hits>(recentCall, { live: true });
  const isEmpty = data?.count === 0;
  return (
    <main id="main" class="wrap page">
      <div class="plain-head">
        <h1>{host}</h1>
        <span class="end">
          <a class="btn" href="/search">
            {home.all}
          </a>
        </span>
      </div>
      <p class="lede">{home.intro}</p>
      {isEmpty ? (
        <div class="two-columns">
          <section class="card empty-state">
            <p>{user === null ? home.noneSignedOut : home.none}</p>
            <a class="btn primary" href="/welcome">
              {home.firstSteps}
            </a>
            <Prompt command={`docker push ${host}/${user?.username ?? "team"}/app`} />
          </section>
          <div class="stack">
            <Own />
          </div>
        </div>
      ) : (
        <div class={user === null ? "" : "cols flush"}>
          <div class={user === null ? "two-columns" : "stack"}>
            <Listed title={home.recent} call={recentCall} />
            <Listed title={home.popular} call={popularCall} />
          </div>
          {user !== null && (
            <aside class="stack" aria-label={home.yours}>
              <Own />
            </aside>
          )}
        </div>
      )}
    </main>
  );
}
