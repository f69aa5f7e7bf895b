import { useState } from "preact/hooks";
import type { JobAnswer } from "../../src/api/jobs.ts";
import type { CollectionAnswer, ScrubAnswer } from "../../src/api/server.ts";
import { collectionCall, scrubCall } from "../admin-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { count } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { collection as words } from "../words/admin-jobs.ts";
import { overview } from "../words/admin-overview.ts";
import { JobCard } from "../parts/admin-jobs.tsx";
import { LastRun, NextRun } from "../parts/admin-maintenance.tsx";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Check } from "../parts/field.tsx";
import { Loaded, messageOf } from "../parts/states.tsx";
import { showToast } from "../parts/toast.tsx";

/** Starts a job, and shows it. Resolves with the answer. */
async function start(call: string, body: object) {
  const result = await send<JobAnswer>("POST", call, body);
  if (result.ok) setQuery({ job: result.data.id });
  return result;
}

/** The garbage collection, the scrub, and the job that the address names. */
export function Page() {
  const { url } = usePlace();
  const job = url.searchParams.get("job");
  const scrub = useAnswer<ScrubAnswer>(scrubCall, { live: true });
  return (
    <AdminPage first={scrub} call={scrubCall}>
      <div class="two-columns">
        <Collection />
        {scrub.data && <Scrub scrub={scrub.data} />}
      </div>
      {job !== null && <JobCard key={job} id={job} />}
    </AdminPage>
  );
}

function Collection() {
  const answer = useAnswer<CollectionAnswer>(collectionCall, { live: true });
  const [isAsked, setAsked] = useState(false);
  const [deletesNow, setDeletesNow] = useState(false);
  const dryRun = async () => {
    const result = await start(collectionCall, { dry_run: true });
    if (!result.ok) showToast({ text: messageOf(result.failure) });
  };
  return (
    <section class="card" aria-labelledby="collection">
      <header>
        <h2 id="collection">{words.title}</h2>
        <span class="end actions">
          <button type="button" class="btn small" onClick={() => void dryRun()}>
            {words.dryRun}
          </button>
          <button type="button" class="btn small primary" onClick={() => setAsked(true)}>
            {words.run}
          </button>
        </span>
      </header>
      <div class="body">
        <Loaded answer={answer} url={collectionCall}>
          {(data) => <CollectionFacts collection={data} />}
        </Loaded>
      </div>
      <footer>
        <Commands lines={["berth gc --dry-run", "berth gc"]} />
      </footer>
      {isAsked && (
        <Confirm
          title={words.runTitle}
          action={words.run}
          isDangerous={deletesNow}
          onClose={() => setAsked(false)}
          onConfirm={() => start(collectionCall, { now: deletesNow })}
        >
          <p>{words.runHint}</p>
          <Check label={words.now} isChecked={deletesNow} onChange={setDeletesNow} />
          <Commands lines={[deletesNow ? "berth gc --now" : "berth gc"]} />
        </Confirm>
      )}
    </section>
  );
}

const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** `2 h`, `7 d`: in the largest unit that divides it. */
function duration(seconds: number): string {
  const [size, unit] = units.find(([one]) => seconds >= one && seconds % one === 0) ?? [1, "s"];
  return `${count(seconds / size)} ${unit}`;
}

const every = (seconds: number): string => (seconds === 0 ? words.off : duration(seconds));

const CollectionFacts = ({ collection }: { readonly collection: CollectionAnswer }) => {
  const { settings, last, next_at: next, waiting, candidates } = collection;
  return (
    <dl class="facts num">
      <dt>{words.last}</dt>
      <dd>
        <LastRun job={last} />
      </dd>
      <dt>{words.next}</dt>
      <dd>
        <NextRun time={next} />
      </dd>
      <dt>{words.waiting}</dt>
      <dd>{overview.sum(waiting.blobs, waiting.bytes)}</dd>
      <dt>{words.candidates}</dt>
      <dd>{words.candidatesOf(candidates.blobs, candidates.manifests)}</dd>
      <dt>{words.interval}</dt>
      <dd>{every(settings.interval_seconds)}</dd>
      <dt>{words.untagged}</dt>
      <dd>{settings.delete_untagged ? words.untaggedYes : words.untaggedNo}</dd>
      <dt>{words.grace}</dt>
      <dd>{duration(settings.grace_seconds)}</dd>
      <dt>{words.delay}</dt>
      <dd>{duration(settings.delete_delay_seconds)}</dd>
    </dl>
  );
};

function Scrub({ scrub }: { readonly scrub: ScrubAnswer }) {
  const { settings, last, next_at: next } = scrub;
  const [isAsked, setAsked] = useState(false);
  return (
    <section class="card" aria-labelledby="scrub">
      <header>
        <h2 id="scrub">{words.scrub}</h2>
        <span class="end">
          <button type="button" class="btn small" onClick={() => setAsked(true)}>
            {words.startScrub}
          </button>
        </span>
      </header>
      <div class="body stack">
        <p class="sub">{words.scrubHint}</p>
        <dl class="facts num">
          <dt>{words.last}</dt>
          <dd>
            <LastRun job={last} />
          </dd>
          <dt>{words.next}</dt>
          <dd>
            <NextRun time={next} />
          </dd>
          <dt>{words.interval}</dt>
          <dd>{every(settings.interval_seconds)}</dd>
          <dt>{words.speed}</dt>
          <dd>{words.perSecond(settings.bytes_per_second)}</dd>
        </dl>
      </div>
      <footer>
        <Commands lines={["berth scrub"]} />
      </footer>
      {isAsked && (
        <Confirm
          title={words.startScrubTitle}
          action={words.startScrub}
          onClose={() => setAsked(false)}
          onConfirm={() => start(scrubCall, {})}
        >
          <p>{words.startScrubHint}</p>
        </Confirm>
      )}
    </section>
  );
}
