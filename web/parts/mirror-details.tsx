import { useState } from "preact/hooks";
import type { MirrorAnswer } from "../../src/api/mirrors.ts";
import { api, repositoryAddress } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { MirrorSettings } from "../dialogs/mirror-settings.tsx";
import { count, shortDigest, size, visibleText } from "../format.ts";
import { FirstAnswer } from "../pages/not-found.tsx";
import { go } from "../router.ts";
import { mirrorSettings } from "../words/mirror-settings.ts";
import { mirrors as words } from "../words/mirrors.ts";
import { Confirm } from "./dialog.tsx";
import { Field, Submit, useSubmit } from "./field.tsx";
import { MirrorClients } from "./mirror-clients.tsx";
import { Figures, Health } from "./mirror-figures.tsx";
import { MirrorSchedules } from "./mirror-schedules.tsx";
import { Since, Size } from "./text.tsx";

/** One mirror: how it answers, what it holds, what is evicted next, and how clients use it. */
export function MirrorDetails({ namespace }: { readonly namespace: string }) {
  const call = `${api}/mirrors/${namespace}`;
  const answer = useAnswer<MirrorAnswer>(call, { live: true });
  return (
    <FirstAnswer answer={answer} call={call}>
      {(data) => (
        <main id="main" class="wrap page">
          <div class="plain-head">
            <h1>{data.namespace}</h1>
            <Health mirror={data} />
            <span class="end">
              <a class="btn" href={`/search?namespace=${data.namespace}`}>
                {words.allRepositories}
              </a>
            </span>
          </div>
          <p class="mono sub">{data.upstream}</p>
          {data.settings && <Settings call={call} mirror={data} />}
          {data.health.reason !== null && (
            <p class="note warn">{visibleText(data.health.reason)}</p>
          )}
          <div class="cols flush">
            <div class="stack">
              {data.details && (
                <>
                  <EvictedNext details={data.details} />
                  <MirrorSchedules call={call} schedules={data.details.schedules} />
                  <Images call={call} pins={data.details.pins} />
                </>
              )}
              <MirrorClients namespace={namespace} upstream={data.upstream} />
            </div>
            <aside class="stack" aria-label={words.numbers}>
              <Numbers mirror={data} />
            </aside>
          </div>
        </main>
      )}
    </FirstAnswer>
  );
}

/** What an administrator can do with the settings of the mirror. */
function Settings({ call, mirror }: { readonly call: string; readonly mirror: MirrorAnswer }) {
  const [asked, setAsked] = useState<"change" | "remove">();
  const close = () => setAsked(undefined);
  if (mirror.is_configured) return <p class="sub">{mirrorSettings.configured}</p>;
  return (
    <div class="actions">
      <button type="button" class="btn small" onClick={() => setAsked("change")}>
        {mirrorSettings.change}
      </button>
      <button type="button" class="btn small" onClick={() => setAsked("remove")}>
        {mirrorSettings.remove}
      </button>
      {asked === "change" && <MirrorSettings mirror={mirror} onClose={close} />}
      {asked === "remove" && (
        <Confirm
          title={mirrorSettings.removeTitle(mirror.namespace)}
          action={mirrorSettings.removeNow}
          isDangerous
          onClose={close}
          onConfirm={async () => {
            const result = await send("DELETE", call, undefined, { asksAgain: false });
            if (result.ok) go("/mirrors");
            return result;
          }}
        >
          <p>{mirrorSettings.removeHint}</p>
          <p class="mono sub">berth mirror remove {mirror.namespace}</p>
        </Confirm>
      )}
    </div>
  );
}

function Numbers({ mirror }: { readonly mirror: MirrorAnswer }) {
  const { numbers } = mirror;
  if (numbers === null) return null;
  return (
    <section class="card" aria-labelledby="numbers">
      <header>
        <h2 id="numbers">{words.numbers}</h2>
      </header>
      <div class="body stack">
        <Figures mirror={mirror} />
        <dl class="facts num">
          <dt>{words.served}</dt>
          <dd>{size(numbers.bytes_served)}</dd>
          <dt>{words.fetched}</dt>
          <dd>{size(numbers.bytes_fetched)}</dd>
          <dt>{words.requests}</dt>
          <dd>{count(numbers.upstream_requests)}</dd>
          <dt>{words.failures}</dt>
          <dd>{count(numbers.upstream_failures)}</dd>
          <dt>{words.limited}</dt>
          <dd>{count(numbers.upstream_limited)}</dd>
          <dt>{words.stale}</dt>
          <dd>{count(numbers.stale)}</dd>
          <dt>{words.evicted}</dt>
          <dd>{words.blobs(numbers.evicted_blobs, numbers.evicted_bytes)}</dd>
        </dl>
      </div>
    </section>
  );
}

type Details = NonNullable<MirrorAnswer["details"]>;

function EvictedNext({ details }: { readonly details: Details }) {
  return (
    <section class="card" aria-labelledby="next">
      <header>
        <h2 id="next">{words.next}</h2>
      </header>
      {details.evicted_next.length === 0 ? (
        <p class="empty-state">{words.nextNone}</p>
      ) : (
        <ul class="list">
          {details.evicted_next.slice(0, 10).map((blob) => (
            <li key={blob.digest}>
              <a href={repositoryAddress(blob.repository)}>{blob.repository}</a>
              <span class="digest">{shortDigest(blob.digest)}</span>
              <span class="end sub">
                <Size bytes={blob.size} /> · <Since time={blob.last_used} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Images({ call, pins }: { readonly call: string; readonly pins: readonly string[] }) {
  const [image, setImage] = useState("");
  const [purged, setPurged] = useState<string>();
  const warm = useSubmit(() => send("POST", `${call}/warm`, { image: image.trim() }));
  const pin = useSubmit(() => send("POST", `${call}/pin`, { image: image.trim() }));
  return (
    <section class="card" aria-labelledby="images">
      <header>
        <h2 id="images">{words.actions}</h2>
      </header>
      <form class="body form" onSubmit={warm.onSubmit}>
        <Field
          label={words.image}
          placeholder={words.imageHint}
          value={image}
          onValue={setImage}
          errors={warm.errorsOf("image") ?? pin.errorsOf("image")}
          required
        />
        <Submit action={words.warm} form={warm}>
          <button type="button" class="btn" disabled={image === ""} onClick={pin.onSubmit}>
            {words.pin}
          </button>
          <button
            type="button"
            class="btn"
            disabled={image === ""}
            onClick={() => setPurged(image.trim())}
          >
            {words.purge}
          </button>
        </Submit>
      </form>
      <header>
        <h3>{words.pins}</h3>
      </header>
      {pins.length === 0 && <p class="body muted">{words.pinsNone}</p>}
      <ul class="list">
        {pins.map((one) => (
          <li key={one}>
            <span class="mono">{one}</span>
            <button
              type="button"
              class="btn small end"
              onClick={() => void send("POST", `${call}/unpin`, { image: one })}
            >
              {words.unpin}
            </button>
          </li>
        ))}
      </ul>
      {purged !== undefined && (
        <Confirm
          title={words.purgeTitle(purged)}
          action={words.purgeNow}
          isDangerous
          onClose={() => setPurged(undefined)}
          onConfirm={() => send("POST", `${call}/purge`, { image: purged })}
        >
          <p>{words.purgeHint}</p>
        </Confirm>
      )}
    </section>
  );
}
