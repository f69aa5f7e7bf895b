import { useState } from "preact/hooks";
import type { MirrorItemAnswer } from "../../src/api/mirrors.ts";
import { api } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { MirrorSettings } from "../dialogs/mirror-settings.tsx";
import { Figures, Health } from "../parts/mirror-figures.tsx";
import { MirrorDetails } from "../parts/mirror-details.tsx";
import { Loaded } from "../parts/states.tsx";
import { useParams } from "../router.ts";
import { useSession } from "../session.ts";
import { mirrorSettings } from "../words/mirror-settings.ts";
import { mirrors as words } from "../words/mirrors.ts";

/** All mirrors, or one of them. */
export function Page() {
  const { namespace } = useParams();
  return namespace === undefined ? <List /> : <MirrorDetails namespace={namespace} />;
}

function List() {
  const { user } = useSession();
  const call = `${api}/mirrors?page_size=100`;
  const [isAdding, setAdding] = useState(false);
  const answer = useAnswer<{ readonly results: readonly MirrorItemAnswer[] }>(call, { live: true });
  return (
    <main id="main" class="wrap page">
      <div class="plain-head">
        <h1>{words.title}</h1>
        {user?.is_admin === true && (
          <span class="end">
            <button type="button" class="btn" onClick={() => setAdding(true)}>
              {mirrorSettings.add}
            </button>
          </span>
        )}
      </div>
      <p class="lede">{words.intro}</p>
      <Loaded answer={answer} url={call}>
        {({ results }) =>
          results.length === 0 ? (
            <section class="card empty-state">
              <p>{words.none}</p>
              {user?.is_admin === true && <p>{words.noneHint}</p>}
            </section>
          ) : (
            <div class="two-columns">
              {results.map((mirror) => (
                <Card key={mirror.namespace} mirror={mirror} />
              ))}
            </div>
          )
        }
      </Loaded>
      {isAdding && <MirrorSettings onClose={() => setAdding(false)} />}
    </main>
  );
}

function Card({ mirror }: { readonly mirror: MirrorItemAnswer }) {
  return (
    <section class="card" aria-label={mirror.namespace}>
      <header>
        <h2>
          <a href={`/mirrors/${mirror.namespace}`}>{mirror.namespace}</a>
        </h2>
        <span class="end">
          <Health mirror={mirror} />
        </span>
      </header>
      <div class="body stack">
        <p class="mono sub">{mirror.upstream}</p>
        <Figures mirror={mirror} />
      </div>
    </section>
  );
}
