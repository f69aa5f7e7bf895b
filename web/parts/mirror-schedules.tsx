import type { MirrorAnswer } from "../../src/api/mirrors.ts";
import { send } from "../answers.ts";
import { visibleText } from "../format.ts";
import { mirrors as words } from "../words/mirrors.ts";
import { Since } from "./text.tsx";
import { showToast } from "./toast.tsx";

type Schedule = NonNullable<MirrorAnswer["details"]>["schedules"][number];

/** When images are copied by themselves, with the last run and the next one. */
export function MirrorSchedules({
  call,
  schedules,
}: {
  readonly call: string;
  readonly schedules: readonly Schedule[];
}) {
  const run = async (schedule: string, isDryRun: boolean) => {
    const result = await send("POST", `${call}/sync`, { schedule, dry_run: isDryRun });
    showToast({ text: result.ok ? words.started : result.failure.message });
  };
  return (
    <section class="card" aria-labelledby="schedules">
      <header>
        <h2 id="schedules">{words.schedules}</h2>
      </header>
      {schedules.length === 0 && <p class="empty-state">{words.schedulesNone}</p>}
      <ul class="list">
        {schedules.map(({ name, cron, last, next_at: next }) => (
          <li key={name}>
            <span class="two">
              <span class="mono">{visibleText(name)}</span>
              <span class="sub">
                {cron ?? words.byHand}
                {last !== null && (
                  <>
                    {" · "}
                    {words.last} <Since time={last.ended_at ?? last.started_at} />,{" "}
                    {words.jobStates[last.state]}
                    {last.reason !== null && `: ${visibleText(last.reason)}`}
                  </>
                )}
                {next !== null && (
                  <>
                    {" · "}
                    {words.nextRun} <Since time={next} />
                  </>
                )}
              </span>
            </span>
            <span class="end actions">
              <button type="button" class="btn small" onClick={() => void run(name, true)}>
                {words.dryRun}
              </button>
              <button type="button" class="btn small" onClick={() => void run(name, false)}>
                {words.run}
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
