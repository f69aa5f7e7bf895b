import type { PullsAnswer, PushesAnswer } from "../../src/api/pulls.ts";
import { repositoryCall, tagAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { count, date, visibleText } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { activity as words } from "../words/repository-pages.ts";
import { PullsChart } from "./charts.tsx";

type Pushes = PushesAnswer["days"];

/** The pulls per day, with the days on which tags were pushed. */
export function ActivityChart({ name }: { readonly name: string }) {
  const { url } = usePlace();
  const asked = url.searchParams.get("days") ?? "";
  const period = asked in words.periods ? (asked as keyof typeof words.periods) : "30";
  const { data: pulls } = useAnswer<PullsAnswer>(repositoryCall(name, `/-/pulls?days=${period}`));
  const { data: pushes } = useAnswer<PushesAnswer>(
    repositoryCall(name, `/-/pushes?days=${period}`),
    { live: true },
  );
  if (pulls === undefined || pushes === undefined) return null;
  const { days } = pulls;
  return (
    <section class="card" aria-labelledby="pulls">
      <header>
        <h2 id="pulls">
          {words.pulls(
            days.reduce((sum, one) => sum + one.pulls, 0),
            words.periods[period],
          )}
        </h2>
        <span class="end">
          <select
            class="select"
            aria-label={words.period}
            value={period}
            onChange={({ currentTarget }) => setQuery({ days: currentTarget.value })}
          >
            {Object.entries(words.periods).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </span>
      </header>
      <div class="body stack">
        <div>
          <PullsChart days={days} marked={pushes.days.map(({ day }) => day)} />
          <Labels days={days.map(({ day }) => day)} pushes={pushes.days} />
        </div>
        {pushes.days.length > 0 && (
          <>
            <p class="sub">{words.marks}</p>
            <PushedTags name={name} pulls={days} pushes={pushes.days} />
          </>
        )}
      </div>
    </section>
  );
}

/** A label takes at most this part of the width. */
const widthOfLabel = 20;
const lettersAtMost = 12;

/** The newest tag of each marked day, where the labels do not overlap. */
function Labels({ days, pushes }: { readonly days: readonly string[]; readonly pushes: Pushes }) {
  const labels: { readonly x: number; readonly text: string }[] = [];
  for (const { day, tags } of pushes) {
    const x = (100 * days.indexOf(day)) / Math.max(1, days.length - 1);
    const [tag = ""] = tags;
    if (x < 0 || labels.some((other) => Math.abs(other.x - x) < widthOfLabel)) continue;
    const text = tag.length > lettersAtMost ? `${tag.slice(0, lettersAtMost - 1)}…` : tag;
    labels.push({ x, text });
  }
  return (
    <div class="ticks" aria-hidden="true">
      <svg>
        {labels.map(({ x, text }) => (
          <text
            key={x}
            x={`${x}%`}
            y="12"
            text-anchor={x < 10 ? "start" : x > 90 ? "end" : "middle"}
          >
            {text}
          </text>
        ))}
      </svg>
    </div>
  );
}

const rowsAtMost = 31;

/** The same as a table. */
function PushedTags({
  name,
  pulls,
  pushes,
}: {
  readonly name: string;
  readonly pulls: PullsAnswer["days"];
  readonly pushes: Pushes;
}) {
  return (
    <details>
      <summary>{words.pushedTags}</summary>
      <table>
        <thead>
          <tr>
            <th>{words.day}</th>
            <th class="r">{words.pullsOfDay}</th>
            <th>{words.tagsOfDay}</th>
          </tr>
        </thead>
        <tbody>
          {pushes.slice(0, rowsAtMost).map(({ day, tags, tag_count: all }) => (
            <tr key={day}>
              <td class="nw">{date(day)}</td>
              <td class="r num">{count(pulls.find((one) => one.day === day)?.pulls ?? 0)}</td>
              <td>
                {tags.map((tag) => (
                  <>
                    <a class="link mono" href={tagAddress(name, tag)}>
                      {visibleText(tag)}
                    </a>{" "}
                  </>
                ))}
                {all > tags.length && words.moreTags(all - tags.length)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
