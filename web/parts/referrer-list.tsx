import { digestAddress } from "../addresses.ts";
import { visibleText } from "../format.ts";
import { tag as words } from "../words/tag.ts";
import { Icon, type IconName } from "./icon.tsx";
import type { TagView } from "./tag-head.tsx";
import { Size } from "./text.tsx";

type Kind = keyof typeof words.kinds;

/** What a referrer is, by its type. */
export function kindOfReferrer(type: string): Kind {
  if (/cosign|notary|signature|sigstore|dsse/i.test(type)) return "signature";
  if (/spdx|cyclonedx|sbom/i.test(type)) return "sbom";
  if (/in-toto|provenance|slsa/i.test(type)) return "provenance";
  return "other";
}

const icons: Readonly<Record<Kind, IconName>> = {
  signature: "signed",
  sbom: "list",
  provenance: "file",
  other: "file",
};

/** Signatures, SBOMs and provenance of a tag and its images. */
export function ReferrerList({ name, tag }: { readonly name: string; readonly tag: TagView }) {
  const rows = [
    ...tag.referrers.map((one) => ({
      digest: one.digest,
      kind:
        one.tag?.endsWith(".sig") === true
          ? ("signature" as const)
          : kindOfReferrer(one.artifact_type ?? one.media_type),
      type: one.artifact_type ?? one.media_type,
      size: one.size,
    })),
    ...tag.attestations.map((one) => ({
      digest: one.digest,
      kind: "provenance" as const,
      type: "in-toto",
      size: one.size,
    })),
  ];
  if (rows.length === 0)
    return (
      <div class="body">
        <p class="muted">{words.noReferrers}</p>
      </div>
    );
  return (
    <>
      {rows.slice(0, 50).map(({ digest, kind, type, size }, index) => (
        <div class="ref" key={digest + index}>
          <span class={`mark${kind === "signature" ? " good" : ""}`}>
            <Icon name={icons[kind]} />
          </span>
          <div>
            <a href={digestAddress(name, digest)}>
              <b>{words.kinds[kind]}</b>
            </a>
            <div class="sub">{visibleText(type)}</div>
          </div>
          <span class="sub">
            <Size bytes={size} />
          </span>
        </div>
      ))}
    </>
  );
}
