import { useEffect, useState } from "preact/hooks";
import type {
  PlannedTagAnswer,
  RetentionBody,
  RetentionPlanAnswer,
} from "../../src/api/retention.ts";
import { send, type Failure } from "../answers.ts";
import { retention as words } from "../words/retention.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Failed, Loading } from "../parts/states.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";

const shownAtMost = 50;

/** What rules delete now, before they are saved. */
export function RetentionPlan({
  call,
  body,
}: {
  readonly call: string;
  readonly body: RetentionBody;
}) {
  const [plan, setPlan] = useState<RetentionPlanAnswer>();
  const [failure, setFailure] = useState<Failure>();
  const asked = JSON.stringify(body);
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(async () => {
      const result = await send<RetentionPlanAnswer>("POST", `${call}/plan`, JSON.parse(asked), {
        asksAgain: false,
      });
      if (isOld) return;
      setFailure(result.ok ? undefined : result.failure);
      if (result.ok) setPlan(result.data);
    }, 300);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [asked, call]);
  if (failure !== undefined) return <Failed failure={failure} />;
  if (plan === undefined) return <Loading lines={3} />;
  return (
    <div class="stack" role="status">
      <p>
        {words.deletes(plan.deleted_count, plan.manifest_count)} {words.keeps(plan.kept_count)}{" "}
        {words.frees(plan.frees)}
      </p>
      <PlannedTags tags={plan.deleted} count={plan.deleted_count} />
    </div>
  );
}

const PlannedTags = ({
  tags,
  count,
}: {
  readonly tags: readonly PlannedTagAnswer[];
  readonly count: number;
}) => {
  if (count === 0) return null;
  const shown = tags.slice(0, shownAtMost);
  return (
    <>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{words.columns.tag}</th>
            <th scope="col">{words.columns.reason}</th>
            <th scope="col">{words.columns.pushed}</th>
            <th scope="col">{words.columns.pulled}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((tag) => (
            <tr key={tag.name}>
              <td class="mono">{tag.name}</td>
              <td>{reasonOf(tag)}</td>
              <td>
                <Since time={tag.last_updated} />
              </td>
              <td>{tag.last_pulled === null ? words.never : <Since time={tag.last_pulled} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {count > shown.length && <p class="sub">{words.more(count - shown.length)}</p>}
    </>
  );
};

const reasonOf = ({ reason, rule }: PlannedTagAnswer): string =>
  rule === null ? words.reasons[reason] : words.byRule(rule, words.reasons[reason]);

/** Starts a run of the saved rules. */
export function RunRetention({ call }: { readonly call: string }) {
  const [isAsked, setAsked] = useState(false);
  return (
    <>
      <button type="button" class="btn" onClick={() => setAsked(true)}>
        {words.runNow}
      </button>
      {isAsked && (
        <Confirm
          title={words.runTitle}
          action={words.run}
          isDangerous
          onClose={() => setAsked(false)}
          onConfirm={async () => {
            const result = await send("POST", `${call}/runs`, {});
            if (result.ok) showToast({ text: words.started });
            return result;
          }}
        >
          <p>{words.runSaved}</p>
        </Confirm>
      )}
    </>
  );
}
