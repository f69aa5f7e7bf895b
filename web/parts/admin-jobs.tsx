import { useState } from "preact/hooks";
import type { FindingAnswer, JobAnswer, JobItemAnswer } from "../../src/api/jobs.ts";
import { jobPath } from "../admin-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { jobs as words } from "../words/admin-jobs.ts";
import { Confirm } from "./dialog.tsx";
import { Loaded } from "./states.tsx";
import { Digest, Since, Size, Text } from "./text.tsx";

export interface JobPage {
  readonly count: number;
  readonly results: readonly JobItemAnswer[];
}

const chips = { running: "info", done: "good", failed: "bad", canceled: "warn" };

const State = ({ job: { state } }: { readonly job: JobItemAnswer }) => (
  <span class={`chip ${chips[state]}`}>{words.states[state]}</span>
);

/** `Collection, dry run`; of a mirror with the image or schedule. */
const nameOf = ({ kind, subject, dry_run: isDryRun }: JobItemAnswer): string =>
  [words.kinds[kind], visibleText(subject), isDryRun ? words.dryRun : ""]
    .filter((one) => one !== "")
    .join(", ");

/** One job in a list, with a link to what it found. */
export const Job = ({ job }: { readonly job: JobItemAnswer }) => (
  <li>
    <span class="two">
      <a href={`/admin/collector?job=${job.id}`}>{nameOf(job)}</a>
      <span class="sub">
        <Since time={job.started_at} />
        {` · ${job.actor === "berth" ? words.timer : job.actor}`}
        {job.reason !== null && ` · ${visibleText(job.reason)}`}
      </span>
    </span>
    <span class="end">
      <State job={job} />
    </span>
  </li>
);

/** A job with its progress, and with what it found or deleted. */
export function JobCard({ id }: { readonly id: string }) {
  const call = jobPath(id);
  const answer = useAnswer<JobAnswer>(call, { live: true });
  const [isAsked, setAsked] = useState(false);
  return (
    <section class="card" aria-labelledby="job">
      <header>
        <h2 id="job">{answer.data === undefined ? words.job : nameOf(answer.data)}</h2>
        {answer.data && (
          <span class="end actions">
            <State job={answer.data} />
            {answer.data.state === "running" && (
              <button type="button" class="btn small" onClick={() => setAsked(true)}>
                {words.cancel}
              </button>
            )}
          </span>
        )}
      </header>
      <Loaded answer={answer} url={call}>
        {(job) => (
          <>
            <div class="body">
              {job.reason !== null && <p class="note bad">{visibleText(job.reason)}</p>}
              <dl class="facts num">
                {Object.entries(job.counts).map(([key, value]) => (
                  <>
                    <dt>{words.countName(key)}</dt>
                    <dd>{words.countValue(key, value)}</dd>
                  </>
                ))}
              </dl>
            </div>
            <Findings job={job} />
          </>
        )}
      </Loaded>
      {isAsked && (
        <Confirm
          title={words.cancelTitle}
          action={words.cancel}
          onClose={() => setAsked(false)}
          onConfirm={() => send("DELETE", call)}
        >
          <p>{words.cancelHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Findings({ job }: { readonly job: JobAnswer }) {
  const { findings, kind, state } = job;
  const deletes = kind === "collection" || kind === "retention";
  const title = !deletes ? words.findings : job.dry_run ? words.wouldDelete : words.deleted;
  return (
    <>
      <header>
        <h3>{title}</h3>
      </header>
      {findings.length === 0 ? (
        <p class="empty-state">{state === "running" ? words.runs : words.nothing}</p>
      ) : (
        <table class="cards">
          <thead>
            <tr>
              <th>{words.findingColumns.kind}</th>
              <th>{words.findingColumns.subject}</th>
              <th>{words.findingColumns.digest}</th>
              <th class="r">{words.findingColumns.size}</th>
            </tr>
          </thead>
          <tbody>
            {findings.map((finding, index) => (
              <Finding key={index} finding={finding} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

const Finding = ({ finding }: { readonly finding: FindingAnswer }) => {
  const { kind, subject, digest, size, message } = finding;
  const isRepository = kind === "manifest" || kind === "link";
  return (
    <tr>
      <td>
        {words.findingKinds[kind] ?? kind}
        {message !== null && <div class="sub">{visibleText(message)}</div>}
      </td>
      <td data-label={words.findingColumns.subject}>
        {subject === null ? (
          "–"
        ) : isRepository ? (
          <a href={repositoryAddress(subject)}>{subject}</a>
        ) : (
          <Text of={subject} />
        )}
      </td>
      <td data-label={words.findingColumns.digest}>
        {digest === null ? "–" : <Digest digest={digest} />}
      </td>
      <td class="r" data-label={words.findingColumns.size}>
        {size === null ? "–" : <Size bytes={size} />}
      </td>
    </tr>
  );
};
