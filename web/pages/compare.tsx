import { useState } from "preact/hooks";
import type { TagDiffAnswer } from "../../src/api/tag-diff.ts";
import { newestTagsCall, repositoryAddress, repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest, size, visibleText } from "../format.ts";
import { LayerBar, Swatch, type LayerKind } from "../parts/charts.tsx";
import { copyText } from "../parts/copy.tsx";
import { RepositoryPage } from "../parts/repository-head.tsx";
import { Loaded } from "../parts/states.tsx";
import { platformKey } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";
import { go, setQuery, useParams, usePlace } from "../router.ts";
import { parts } from "../words/frame.ts";
import { compare as words } from "../words/repository-pages.ts";

const nameOf = (reference: string): string =>
  reference.startsWith("sha") ? shortDigest(reference) : reference;

/** What differs between two tags or digests of a repository. */
export function Page() {
  const { name = "", range = "" } = useParams();
  const { url } = usePlace();
  const [from = "", to = url.searchParams.get("to") ?? ""] = range === "" ? [] : range.split("...");
  return (
    <RepositoryPage tab="tags">
      {() => (
        <>
          <Choice name={name} from={from} to={to} />
          {from !== "" && to !== "" && <Difference name={name} from={from} to={to} />}
        </>
      )}
    </RepositoryPage>
  );
}

function Choice(props: { readonly name: string; readonly from: string; readonly to: string }) {
  const { name } = props;
  const [from, setFrom] = useState(props.from);
  const [to, setTo] = useState(props.to);
  const { data } = useAnswer<{ readonly results: readonly { readonly name: string }[] }>(
    newestTagsCall(name).replace("page_size=5", "page_size=100"),
  );
  const open = (one: string, other: string) => {
    const range = `${encodeURIComponent(one)}...${encodeURIComponent(other)}`;
    go(repositoryAddress(name, `/-/compare/${range}`));
  };
  return (
    <form
      class="card"
      aria-label={words.title}
      onSubmit={(event) => {
        event.preventDefault();
        if (from !== "" && to !== "") open(from.trim(), to.trim());
      }}
    >
      <div class="toolbar">
        {(
          [
            [words.from, from, setFrom],
            [words.to, to, setTo],
          ] as const
        ).map(([label, value, setValue]) => (
          <label class="pair grow" key={label}>
            {label}
            <input
              class="input mono"
              list="tags"
              required
              value={value}
              onInput={({ currentTarget }) => setValue(currentTarget.value)}
            />
          </label>
        ))}
        <datalist id="tags">
          {data?.results.map(({ name: tag }) => (
            <option key={tag} value={tag} />
          ))}
        </datalist>
        <button type="submit" class="btn primary">
          {words.show}
        </button>
        {props.from !== "" && (
          <button type="button" class="btn" onClick={() => open(props.to, props.from)}>
            {words.swap}
          </button>
        )}
      </div>
      {(props.from === "" || props.to === "") && <p class="empty-state">{words.choose}</p>}
    </form>
  );
}

interface Compared {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

function Difference({ name, from, to }: Compared) {
  const { url } = usePlace();
  const platform = url.searchParams.get("platform");
  const asked = new URLSearchParams({ from, to, ...(platform === null ? {} : { platform }) });
  const call = repositoryCall(name, `/-/diff?${asked.toString()}`);
  const answer = useAnswer<TagDiffAnswer>(call);
  return (
    <Loaded answer={answer} url={call}>
      {(diff) => (
        <>
          <Summary diff={diff} from={nameOf(from)} to={nameOf(to)} />
          <Layers diff={diff} from={nameOf(from)} to={nameOf(to)} />
          <Settings diff={diff} />
        </>
      )}
    </Loaded>
  );
}

interface Shown {
  readonly diff: TagDiffAnswer;
  readonly from: string;
  readonly to: string;
}

function Summary({ diff, from, to }: Shown) {
  const isSame = diff.from.digest === diff.to.digest;
  const copy = async () => {
    const isCopied = await copyText(asMarkdown({ diff, from, to }));
    showToast({ text: isCopied ? parts.copied : parts.pressCopy });
  };
  return (
    <section class="card">
      <div class="body stack">
        <p class="lede">
          {isSame ? words.same(from, to) : words.summary(from, to, diff.download_size)}{" "}
          {!isSame && words.change(diff.size_change)}
        </p>
        <div class="actions">
          <label htmlFor="platform">{words.platform}</label>
          <input
            id="platform"
            class="input mono platform"
            value={platformKey(diff.to.image)}
            onChange={({ currentTarget }) => setQuery({ platform: currentTarget.value.trim() })}
          />
          <button type="button" class="btn" onClick={() => void copy()}>
            {words.markdown}
          </button>
        </div>
      </div>
    </section>
  );
}

function Layers({ diff, from, to }: Shown) {
  const { shared, added, removed } = diff.layers;
  const barOf = (own: readonly { readonly size: number }[], kind: LayerKind) => [
    ...shared.map(({ size: bytes }) => ({ size: bytes, kind: "base" as const })),
    ...own.map(({ size: bytes }) => ({ size: bytes, kind })),
  ];
  const { layer_counts: counts } = diff;
  return (
    <section class="card" aria-labelledby="layers">
      <header>
        <h2 id="layers">{words.layers}</h2>
        <span class="end num">
          {words.layerCounts(counts.shared, counts.added, counts.removed)}
        </span>
      </header>
      <div class="body stack">
        {[
          { name: from, bytes: size(diff.from.size), layers: barOf(removed, "shared") },
          { name: to, bytes: size(diff.to.size), layers: barOf(added, "own") },
        ].map(({ name, bytes, layers }, side) => (
          <div key={side}>
            <div class="sub mono">
              {name} · {bytes}
            </div>
            <LayerBar layers={layers} label={`${name}: ${bytes}`} />
          </div>
        ))}
        <div class="key num">
          <span>
            <Swatch kind="base" />
            {words.shared}
          </span>
          <span>
            <Swatch kind="shared" />
            {words.only(from)}
          </span>
          <span>
            <Swatch kind="own" />
            {words.only(to)}
          </span>
        </div>
      </div>
    </section>
  );
}

const valueText = (value: unknown): string =>
  visibleText(typeof value === "string" ? value : JSON.stringify(value));

function Settings({ diff }: { readonly diff: TagDiffAnswer }) {
  const rest = diff.config_change_count - diff.config.length;
  return (
    <section class="card" aria-labelledby="configuration">
      <header>
        <h2 id="configuration">{words.configuration}</h2>
      </header>
      {diff.config.length === 0 ? (
        <p class="empty-state">{words.noChange}</p>
      ) : (
        <table class="cards">
          <thead>
            <tr>
              <th>{words.columns.field}</th>
              <th>{words.columns.from}</th>
              <th>{words.columns.to}</th>
            </tr>
          </thead>
          <tbody>
            {diff.config.map(({ field, from, to }) => (
              <tr key={field}>
                <td class="mono full">{visibleText(field)}</td>
                <td class="mono minus full">{from !== null && `− ${valueText(from)}`}</td>
                <td class="mono plus full">{to !== null && `+ ${valueText(to)}`}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rest > 0 && <footer>{words.more(rest)}</footer>}
    </section>
  );
}

function asMarkdown({ diff, from, to }: Shown): string {
  const escape = (text: string) => text.replace(/[|\\`]/g, "\\$&");
  return [
    `**${from} → ${to}**: ${words.summary(from, to, diff.download_size)} ${words.change(diff.size_change)}`,
    "",
    `| ${words.columns.field} | ${words.columns.from} | ${words.columns.to} |`,
    "| --- | --- | --- |",
    ...diff.config.map(
      (one) =>
        `| ${escape(one.field)} | ${one.from === null ? "" : escape(valueText(one.from))} | ${one.to === null ? "" : escape(valueText(one.to))} |`,
    ),
  ].join("\n");
}
