import type { JobItemAnswer } from "../../src/api/jobs.ts";
import type { OverviewAnswer } from "../../src/api/server.ts";
import { newestJobsCall, overviewCall } from "../admin-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { count, visibleText } from "../format.ts";
import { overview as words } from "../words/admin-overview.ts";
import { Job, type JobPage } from "../parts/admin-jobs.tsx";
import { AdminPage } from "../parts/admin-page.tsx";
import { Meter } from "../parts/charts.tsx";
import { Maintenance } from "../parts/admin-maintenance.tsx";
import { Loaded } from "../parts/states.tsx";
import { Size } from "../parts/text.tsx";

/** What runs, what it holds, what comes next, and what needs attention. */
export function Page() {
  const jobs = useAnswer<JobPage>(newestJobsCall, { live: true });
  const answer = useAnswer<OverviewAnswer>(overviewCall, { live: true });
  return (
    <AdminPage first={jobs} call={newestJobsCall}>
      <Loaded answer={answer} url={overviewCall} lines={12}>
        {(data) => (
          <>
            <Readiness overview={data} />
            <div class="two-columns">
              <div class="stack">
                <Content overview={data} />
                <Largest overview={data} />
              </div>
              <div class="stack">
                <Maintenance overview={data} />
                <Server overview={data} />
                <Jobs jobs={jobs.data?.results ?? []} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </AdminPage>
  );
}

interface Part {
  readonly overview: OverviewAnswer;
}

function Readiness({ overview: { is_ready: isReady, problems, warnings } }: Part) {
  return (
    <section class="card" aria-labelledby="readiness">
      <header>
        <h2 id="readiness">{words.warnings}</h2>
        <span class="end">
          <span class={`chip ${isReady ? "good" : "bad"}`}>
            {isReady ? words.ready : words.notReady}
          </span>
        </span>
      </header>
      <ul class="list">
        {Object.entries(problems).map(([part, problem]) => (
          <li key={part}>
            <span class="chip bad">{part}</span>
            <span>{visibleText(problem)}</span>
          </li>
        ))}
        {warnings.map(({ code, message }) => (
          <li key={`${code} ${message}`}>
            <span class="chip warn">{code.replaceAll("_", " ")}</span>
            <span>{visibleText(message)}</span>
          </li>
        ))}
        {warnings.length === 0 && Object.keys(problems).length === 0 && <li>{words.noWarnings}</li>}
      </ul>
    </section>
  );
}

function Content({ overview: { disk, sizes, pulls, pushes_24h: pushes } }: Part) {
  return (
    <section class="card" aria-labelledby="content">
      <header>
        <h2 id="content">{words.content}</h2>
      </header>
      <div class="body">
        <dl class="facts num">
          {disk !== null && (
            <>
              <dt>{words.disk}</dt>
              <dd>
                {words.free(disk.free, disk.total)}
                <Meter
                  value={disk.total - disk.free}
                  limit={disk.total}
                  label={words.free(disk.free, disk.total)}
                />
              </dd>
            </>
          )}
          <dt>{words.blobs}</dt>
          <dd>{words.sum(sizes.blobs, sizes.bytes)}</dd>
          <dt>{words.pullsToday}</dt>
          <dd>{count(pulls.today)}</dd>
          <dt>{words.pullsYesterday}</dt>
          <dd>{count(pulls.yesterday)}</dd>
          <dt>{words.pushes}</dt>
          <dd>{words.pushesAtMost(pushes)}</dd>
        </dl>
      </div>
    </section>
  );
}

function Largest({ overview: { largest } }: Part) {
  const [first] = largest;
  return (
    <section class="card" aria-labelledby="largest">
      <header>
        <h2 id="largest">{words.largest}</h2>
      </header>
      <p class="body sub">{first === undefined ? words.noLargest : words.largestHint}</p>
      <ul class="list">
        {largest.map(({ name, unique_bytes: bytes }) => (
          <li key={name}>
            <a class="link" href={repositoryAddress(name)}>
              {name}
            </a>
            <span class="end num">
              <Size bytes={bytes} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Server({ overview }: Part) {
  const { replicas } = overview;
  return (
    <section class="card" aria-labelledby="server">
      <header>
        <h2 id="server">{words.server}</h2>
      </header>
      <div class="body">
        <dl class="facts">
          <dt>{words.version}</dt>
          <dd>{overview.version}</dd>
          <dt>{words.node}</dt>
          <dd>{overview.node}</dd>
          <dt>{words.database}</dt>
          <dd>{words.databases[overview.database]}</dd>
          <dt>{words.storage}</dt>
          <dd>{words.storages[overview.storage]}</dd>
          <dt>{words.workers}</dt>
          <dd>{count(overview.workers)}</dd>
        </dl>
      </div>
      {replicas.length > 0 && (
        <>
          <header>
            <h3>{words.replicas}</h3>
          </header>
          <ul class="list">
            {replicas.map((replica) => (
              <li key={replica.id}>
                <span class="mono">{visibleText(replica.host)}</span>
                <span class="sub">{replica.version}</span>
                <span class="end sub">{words.seen(replica.seen_seconds_ago)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

function Jobs({ jobs }: { readonly jobs: readonly JobItemAnswer[] }) {
  return (
    <section class="card" aria-labelledby="jobs">
      <header>
        <h2 id="jobs">{words.jobs}</h2>
        <span class="end">
          <a class="btn small" href="/admin/uploads">
            {words.allJobs}
          </a>
        </span>
      </header>
      {jobs.length === 0 && <p class="empty-state">{words.noJobs}</p>}
      <ul class="list">
        {jobs.map((job) => (
          <Job key={job.id} job={job} />
        ))}
      </ul>
    </section>
  );
}
