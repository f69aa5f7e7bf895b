import type { ComponentChildren } from "preact";
import type { ReferrerContentsAnswer } from "../../src/api/referrers.ts";
import { digestAddress } from "../addresses.ts";
import { count, date, shortDigest, visibleText } from "../format.ts";
import { attached as words } from "../words/attached.ts";
import { Since } from "../parts/text.tsx";

/* The facts of signatures, SBOMs and provenance, which any pusher can have written. */

type Layer = ReferrerContentsAnswer["layers"][number];
export type FactRow = readonly [label: string, value: ComponentChildren];

const row = (label: string, text: string | null | undefined): readonly FactRow[] =>
  text ? [[label, <WebText text={text} />]] : [];
const timeRow = (label: string, time: string | null): readonly FactRow[] =>
  time === null ? [] : [[label, <Since time={time} />]];
const lines = (texts: readonly string[]): ComponentChildren =>
  texts.map((text, at) => (
    <>
      {at > 0 && <br />}
      <WebText text={text} />
    </>
  ));

/** Text of other people; an address of the web is a link. */
function WebText({ text }: { readonly text: string }) {
  if (!/^https?:\/\/\S+$/.test(text) || !URL.canParse(text)) return <>{visibleText(text)}</>;
  return (
    <a class="link" href={text} rel="nofollow ugc noopener noreferrer">
      {visibleText(text)}
    </a>
  );
}

function DigestLink({ name, digest }: { readonly name: string; readonly digest: string }) {
  if (!/^sha(?:256|512):[0-9a-f]+$/.test(digest)) return <>{visibleText(digest)}</>;
  return (
    <a class="link mono" href={digestAddress(name, digest)} title={digest}>
      {shortDigest(digest)}
    </a>
  );
}

export function signatureRows(name: string, signature: Layer["signature"]): readonly FactRow[] {
  if (signature === null) return [];
  const { certificate, signed_digest: signed, log_index: entry } = signature;
  const rows: FactRow[] =
    signed === null ? [] : [[words.signedDigest, <DigestLink name={name} digest={signed} />]];
  if (certificate !== null) {
    const { valid_from: from, valid_to: to } = certificate;
    if (certificate.identities.length > 0) rows.push([words.signer, lines(certificate.identities)]);
    rows.push(...row(words.identityIssuer, certificate.identity_issuer));
    rows.push(...row(words.certificateIssuer, certificate.issuer));
    if (from !== null && to !== null) rows.push([words.validity, `${date(from)} – ${date(to)}`]);
  }
  rows.push(...row(words.key, signature.key_hint));
  if (entry !== null)
    rows.push([
      words.rekor,
      signature.logged_at === null ? String(entry) : `${entry}, ${date(signature.logged_at)}`,
    ]);
  return rows;
}

export function subjectRows(
  name: string,
  { subjects, subject_count: all }: Layer,
): readonly FactRow[] {
  if (subjects.length === 0) return [];
  return [
    [
      words.about,
      <>
        {subjects.map((subject, at) => (
          <>
            {at > 0 && <br />}
            {visibleText(subject.name)} <DigestLink name={name} digest={subject.digest} />
          </>
        ))}
        {all > subjects.length && (
          <div class="muted">{words.moreSubjects(all - subjects.length)}</div>
        )}
      </>,
    ],
  ];
}

export function sbomRows(sbom: Layer["sbom"]): readonly FactRow[] {
  if (sbom === null) return [];
  return [
    ...row(words.format, `${sbom.format} ${sbom.version ?? ""}`),
    ...row(words.name, sbom.name),
    ...timeRow(words.created, sbom.created),
    ...(sbom.tools.length > 0 ? ([[words.tools, lines(sbom.tools)]] as const) : []),
    ...row(words.packages, count(sbom.package_count)),
  ];
}

export function provenanceRows(provenance: Layer["provenance"]): readonly FactRow[] {
  if (provenance === null) return [];
  const { materials, material_count: all } = provenance;
  const shown = materials.slice(0, 20);
  return [
    ...row(words.builder, provenance.builder),
    ...row(words.source, provenance.source),
    ...row(words.commit, provenance.commit),
    ...row(words.entryPoint, provenance.entry_point),
    ...row(words.buildType, provenance.build_type),
    ...row(words.invocation, provenance.invocation_id),
    ...timeRow(words.started, provenance.started),
    ...timeRow(words.finished, provenance.finished),
    ...(all > 0
      ? ([
          [
            words.materials,
            <>
              {lines(shown.map(({ uri, digest }) => uri || digest))}
              {all > shown.length && (
                <div class="muted">{words.moreMaterials(all - shown.length)}</div>
              )}
            </>,
          ],
        ] as const)
      : []),
  ];
}
