import { useState } from "preact/hooks";
import type { TagDiffAnswer } from "../../src/api/tag-diff.ts";
import type { TagMoveAnswer } from "../../src/api/tags.ts";
import {
  historyCall,
  hubCall,
  repositoryAddress,
  repositoryCall,
  tagAddress,
} from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest, visibleText } from "../format.ts";
import { tag as words } from "../words/tag.ts";
import { lazy } from "./lazy.tsx";
import type { OwnView } from "./repository-head.tsx";
import { Loaded } from "./states.tsx";
import { Since } from "./text.tsx";

export type TagMove = TagMoveAnswer;
export interface MovePage {
  readonly count: number;
  readonly results: readonly TagMove[];
}

const RollBack = lazy(async () => (await import("../dialogs/roll-back.tsx")).RollBack);

/** The last digests of a tag, beside its contents. */
export function Moves({
  name,
  tag,
  isImmutable,
}: {
  readonly name: string;
  readonly tag: string;
  readonly isImmutable: boolean;
}) {
  const call = historyCall(name, tag);
  const answer = useAnswer<MovePage>(call, { live: true });
  return (
    <section class="card o4" aria-labelledby="history">
      <header>
        <h2 id="history">{words.history}</h2>
        <span class="end">
          <a class="link" href={tagAddress(name, tag, "/history")}>
            {words.allMoves(answer.data?.count ?? 0)}
          </a>
        </span>
      </header>
      <Loaded answer={answer} url={call} lines={3}>
        {({ results }) => (
          <>
            <MoveList name={name} tag={tag} moves={results} isImmutable={isImmutable} isFirst />
            <Download name={name} tag={tag} moves={results} />
          </>
        )}
      </Loaded>
    </section>
  );
}

/** What a client with the digest before downloads. */
function Download({
  name,
  tag,
  moves,
}: {
  readonly name: string;
  readonly tag: string;
  readonly moves: readonly TagMove[];
}) {
  const [now, before] = moves.filter(({ digest }) => digest !== null);
  const isThere = now !== undefined && before?.is_here === true && now.digest !== before.digest;
  const range = `from=${before?.digest ?? ""}&to=${now?.digest ?? ""}`;
  const { data } = useAnswer<TagDiffAnswer>(
    isThere ? repositoryCall(name, `/-/diff?${range}`) : undefined,
  );
  if (data === undefined || before?.digest == null || now?.digest == null) return null;
  const changed = data.layer_counts.added + data.layer_counts.removed;
  return (
    <footer>
      <span>
        {words.download(
          shortDigest(before.digest),
          data.download_size,
          changed,
          data.config_change_count,
        )}{" "}
        <a class="link" href={repositoryAddress(name, `/-/compare/${before.digest}...${tag}`)}>
          {words.seeWhat}
        </a>
      </span>
    </footer>
  );
}

/** Moves of a tag, the newest first; each that is still stored can be rolled back to. */
export function MoveList({
  name,
  tag,
  moves,
  isImmutable,
  isFirst,
}: {
  readonly name: string;
  readonly tag: string;
  readonly moves: readonly TagMove[];
  readonly isImmutable: boolean;
  /** The first move of the list is the state of now. */
  readonly isFirst: boolean;
}) {
  const { data: own } = useAnswer<OwnView>(hubCall(name));
  const [wanted, setWanted] = useState<string>();
  const current = isFirst ? (moves[0]?.digest ?? undefined) : undefined;
  const mayMove = own?.permissions.write === true;
  return (
    <>
      <ol class="moves">
        {moves.map((move, index) => {
          const { digest, actor, token_label: label } = move;
          const isNow = isFirst && index === 0;
          const canReturn =
            mayMove && !isNow && digest !== null && move.is_here && digest !== current;
          return (
            <li key={index} class={isNow ? "now" : move.is_here || digest === null ? "" : "gone"}>
              <span class="dot" />
              <div>
                <div class="digest" title={digest ?? ""}>
                  {digest === null ? words.removed : shortDigest(digest)}
                </div>
                <div class="sub">
                  {actor !== null && words.by(visibleText(actor))}
                  {label !== null && ` ${words.withToken(visibleText(label))}`}
                  {move.reason === "rollback" && ` · ${words.rolledBack}`}
                  {digest !== null && !move.is_here && ` · ${words.gone}`}
                  {move.tags.length > 0 && ` · ${move.tags.slice(0, 4).join(", ")}`}
                </div>
              </div>
              <div class="sub num end">
                <Since time={move.changed_at} />
                {canReturn && (
                  <button
                    type="button"
                    class="btn small"
                    disabled={isImmutable}
                    title={isImmutable ? words.immutable(tag) : undefined}
                    onClick={() => setWanted(digest)}
                  >
                    {words.rollBack}
                  </button>
                )}
              </div>
            </li>
          );
        })}
      </ol>
      {wanted !== undefined && (
        <RollBack
          name={name}
          tag={tag}
          digest={wanted}
          current={current}
          onClose={() => setWanted(undefined)}
        />
      )}
    </>
  );
}
