import type { ReferrerContentsAnswer } from "../../src/api/referrers.ts";
import { repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { setQuery, usePlace } from "../router.ts";
import { attached as words } from "../words/attached.ts";
import { AttachedPackages } from "./packages.tsx";
import { provenanceRows, sbomRows, signatureRows, subjectRows, type FactRow } from "./rows.tsx";
import { Icon } from "../parts/icon.tsx";
import { Loaded } from "../parts/states.tsx";
import { Size } from "../parts/text.tsx";

type Layer = ReferrerContentsAnswer["layers"][number];

interface Place {
  /** Of the repository. */
  readonly name: string;
  readonly contents: ReferrerContentsAnswer;
}

const icons = {
  signature: "signed",
  sbom: "list",
  provenance: "file",
  attestation: "file",
  other: "file",
} as const;

/** What is in a referrer: a card for each signature, SBOM or provenance. */
export function Attached({ name, digest }: { readonly name: string; readonly digest: string }) {
  const call = repositoryCall(name, `/-/manifests/${digest}/contents`);
  const answer = useAnswer<ReferrerContentsAnswer>(call);
  return (
    <Loaded answer={answer} url={call}>
      {(contents) => {
        const { layers, layer_count: all } = contents;
        return (
          <>
            {layers.map((layer, at) => (
              <LayerCard key={at} place={{ name, contents }} layer={layer} at={at} />
            ))}
            {all > layers.length && <p class="muted">{words.more(all - layers.length)}</p>}
          </>
        );
      }}
    </Loaded>
  );
}

function LayerCard({
  place,
  layer,
  at,
}: {
  readonly place: Place;
  readonly layer: Layer;
  readonly at: number;
}) {
  const { kind, problem, signature, sbom } = layer;
  const rows: readonly FactRow[] = [
    ...signatureRows(place.name, signature),
    ...subjectRows(place.name, layer),
    ...sbomRows(sbom),
    ...provenanceRows(layer.provenance),
  ];
  const id = `attached-${at}`;
  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <Icon name={icons[kind]} />
        <h2 id={id}>{headingOf(place.contents.layers, at)}</h2>
        <span class="end">
          <span class="mono sub">{visibleText(layer.predicate_type ?? layer.media_type)}</span>
          <Size bytes={layer.size} />
        </span>
      </header>
      <Notes layer={layer} subject={place.contents.subject} />
      {problem === null && rows.length > 0 && (
        <dl class="env">
          {rows.map(([label, value]) => (
            <>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </>
          ))}
        </dl>
      )}
      {sbom !== null && <Packages place={place} layer={layer} count={sbom.package_count} />}
    </section>
  );
}

/** The kind of a layer; with a number if there are several. */
function headingOf(layers: readonly Layer[], at: number): string {
  const kind = layers[at]?.kind ?? "other";
  const same = layers.filter((layer) => layer.kind === kind);
  if (same.length === 1) return words.kinds[kind];
  return `${words.kinds[kind]} ${layers.slice(0, at + 1).filter((layer) => layer.kind === kind).length}`;
}

/** What is wrong with the content, and that signatures are not verified. */
function Notes({ layer, subject }: { readonly layer: Layer; readonly subject: string | null }) {
  const { kind, problem, signature, sbom, subjects } = layer;
  const notes: string[] = [];
  if (problem !== null) notes.push(words.problems[problem]);
  else if (kind === "other") notes.push(words.unknown);
  else if (kind === "sbom" && sbom === null) notes.push(words.unreadSbom);
  const about = [...subjects.map(({ digest }) => digest), signature?.signed_digest ?? ""];
  const isOther = subject !== null && about.some((digest) => digest !== "" && digest !== subject);
  if (isOther && !about.includes(subject)) notes.push(words.otherDigest);
  if (notes.length === 0 && signature === null) return null;
  return (
    <div class="body stack">
      {notes.map((note) => (
        <p class="note warn" key={note}>
          {note}
        </p>
      ))}
      {signature !== null && <p class="sub">{words.unverified}</p>}
    </div>
  );
}

function Packages({
  place: { name, contents },
  layer,
  count: all,
}: {
  readonly place: Place;
  readonly layer: Layer;
  readonly count: number;
}) {
  const { url } = usePlace();
  const first = contents.layers.find(({ sbom }) => sbom !== null);
  const shown = url.searchParams.get("layer") ?? first?.digest;
  if (shown === layer.digest)
    return <AttachedPackages name={name} digest={contents.digest} layer={layer.digest} />;
  return (
    <div class="body">
      <button
        type="button"
        class="btn small"
        onClick={() => setQuery({ layer: layer.digest, search: undefined })}
      >
        {words.showPackages(all)}
      </button>
    </div>
  );
}
