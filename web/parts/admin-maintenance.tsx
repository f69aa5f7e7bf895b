import type { JobItemAnswer } from "../../src/api/jobs.ts";
import type { OverviewAnswer } from "../../src/api/server.ts";
import { overview as words } from "../words/admin-overview.ts";
import { Since } from "./text.tsx";

/** The last and the next runs of maintenance, and what they free. */
export function Maintenance({
  overview: { collection, scrub },
}: {
  readonly overview: OverviewAnswer;
}) {
  return (
    <section class="card" aria-labelledby="maintenance">
      <header>
        <h2 id="maintenance">{words.maintenance}</h2>
        <span class="end">
          <a class="btn small" href="/admin/collector">
            {words.show}
          </a>
        </span>
      </header>
      <div class="body">
        <dl class="facts num">
          <dt>{words.lastCollection}</dt>
          <dd>
            <LastRun job={collection.last} />
          </dd>
          <dt>{words.nextCollection}</dt>
          <dd>
            <NextRun time={collection.next_at} />
          </dd>
          <Garbage overview={collection} />
          <dt>{words.lastScrub}</dt>
          <dd>
            <LastRun job={scrub.last} />
          </dd>
          <dt>{words.nextScrub}</dt>
          <dd>
            <NextRun time={scrub.next_at} />
          </dd>
        </dl>
      </div>
    </section>
  );
}

/** What collections free: the next one, later ones, and the last dry run with its time. */
function Garbage({ overview }: { readonly overview: OverviewAnswer["collection"] }) {
  const { waiting, unreferenced, next_frees: next, last_dry_run: dryRun } = overview;
  return (
    <>
      {next !== null && (
        <>
          <dt>{words.nextFrees}</dt>
          <dd>{words.nextFreesOf(next.bytes, next.blobs)}</dd>
        </>
      )}
      <dt>{words.waiting}</dt>
      <dd title={words.waitingHint}>{words.sum(waiting.blobs, waiting.bytes)}</dd>
      <dt>{words.unreferenced}</dt>
      <dd>
        {words.sum(unreferenced.blobs, unreferenced.bytes)} {unreferenced.more && words.more}
        {unreferenced.blobs > 0 && <div class="sub">{words.unreferencedHint}</div>}
      </dd>
      {dryRun !== null && (
        <>
          <dt>{words.lastDryRun}</dt>
          <dd>
            <LastRun job={dryRun} />
            <div class="sub">
              {words.dryRunFound(dryRun.counts["bytes"] ?? 0, dryRun.counts["waitingBytes"] ?? 0)}
            </div>
          </dd>
        </>
      )}
    </>
  );
}

/** When a job of maintenance ended, and how. */
export const LastRun = ({ job }: { readonly job: JobItemAnswer | null }) =>
  job === null ? (
    <>{words.never}</>
  ) : (
    <a class="link" href={`/admin/collector?job=${job.id}`}>
      <Since time={job.ended_at ?? job.started_at} />, {job.state}
    </a>
  );

export const NextRun = ({ time }: { readonly time: string | null }) =>
  time === null ? <>{words.notPlanned}</> : <Since time={time} />;
