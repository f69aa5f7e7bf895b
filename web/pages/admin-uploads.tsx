import { useState } from "preact/hooks";
import type { OpenUploadAnswer } from "../../src/api/server.ts";
import { jobsCall, openUploadsCall, uploadPath } from "../admin-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { size } from "../format.ts";
import { usePlace } from "../router.ts";
import { jobs, uploads as words } from "../words/admin-jobs.ts";
import { Job, type JobPage } from "../parts/admin-jobs.tsx";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { ListCard, SelectInput } from "../parts/list-tools.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Size } from "../parts/text.tsx";

/** Uploads that no client has finished, and the jobs of the last days. */
export function Page() {
  const { url } = usePlace();
  const call = jobsCall(url.searchParams);
  const answer = useAnswer<JobPage>(call, { live: true });
  return (
    <AdminPage first={answer} call={call}>
      <OpenUploads />
      <ListCard
        title={jobs.title}
        tools={
          <SelectInput
            label={jobs.kind}
            parameter="kind"
            options={[["", jobs.anyKind], ...Object.entries(jobs.kinds)]}
          />
        }
        answer={answer}
        call={call}
        empty={jobs.none}
      >
        {(results) => (
          <ul class="list">
            {results.map((job) => (
              <Job key={job.id} job={job} />
            ))}
          </ul>
        )}
      </ListCard>
    </AdminPage>
  );
}

function OpenUploads() {
  const answer = useAnswer<{
    readonly count: number;
    readonly results: readonly OpenUploadAnswer[];
  }>(openUploadsCall, { live: true });
  const [ended, setEnded] = useState<OpenUploadAnswer>();
  return (
    <section class="card" aria-labelledby="uploads">
      <header>
        <h2 id="uploads">{words.title}</h2>
      </header>
      <Loaded answer={answer} url={openUploadsCall} lines={2}>
        {({ results, count }) =>
          results.length === 0 ? (
            <p class="empty-state">{words.none}</p>
          ) : (
            <>
              <Table uploads={results} onEnd={setEnded} />
              {count > results.length && <p class="body sub">{words.first}</p>}
            </>
          )
        }
      </Loaded>
      <footer>
        <Commands lines={["berth upload list", "berth upload delete ID"]} />
      </footer>
      {ended && (
        <Confirm
          title={words.endTitle(ended.repository)}
          action={words.end}
          isDangerous
          onClose={() => setEnded(undefined)}
          onConfirm={() => send("DELETE", uploadPath(ended.id))}
        >
          <p>{words.endHint(size(ended.size))}</p>
          <Commands lines={[`berth upload delete ${ended.id}`]} />
        </Confirm>
      )}
    </section>
  );
}

const Table = ({
  uploads,
  onEnd,
}: {
  readonly uploads: readonly OpenUploadAnswer[];
  readonly onEnd: (upload: OpenUploadAnswer) => void;
}) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.repository}</th>
        <th class="r">{words.columns.size}</th>
        <th>{words.columns.started}</th>
        <th>{words.columns.touched}</th>
        <th>
          <span class="sr">{words.end}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {uploads.map((upload) => (
        <tr key={upload.id}>
          <td>
            <a href={repositoryAddress(upload.repository)}>{upload.repository}</a>
            <div class="sub mono">{upload.id}</div>
          </td>
          <td class="r" data-label={words.columns.size}>
            <Size bytes={upload.size} />
          </td>
          <td class="nw" data-label={words.columns.started}>
            <Since time={upload.started_at} />
          </td>
          <td class="nw" data-label={words.columns.touched}>
            <Since time={upload.touched_at} />
          </td>
          <td class="r act">
            <button
              type="button"
              class="btn small"
              aria-label={words.endOf(upload.repository)}
              onClick={() => onEnd(upload)}
            >
              {words.end}
            </button>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);
