import type { CommandInput } from "../../../src/database/commands.ts";
import type { Database } from "../../../src/database/contract.ts";
import type { Actor } from "../../../src/database/permissions/authority.ts";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { parseRepositoryName, type RepositoryName } from "../../../src/oci/name.ts";
import { parseReference, parseTag } from "../../../src/oci/reference.ts";
import { judged, rules } from "../../support/pushes.ts";

/** A call, and the exact result: the type of each value counts too. */
export type Step = readonly [call: (db: Database) => Promise<unknown>, result: unknown];

export const times = { nowMs: 1_000, dueAtMs: 2_000, leasedUntilMs: 3_000 };
export const admin: Actor = judged({ accountId: null, name: "admin", peer: "::1" });
export const by = (accountId: number, name: string) => ({
  nowMs: 1_000,
  actor: judged({ accountId, name, peer: "::1" }),
});
export const change = { nowMs: 1_000, actor: admin };
export const app = parseRepositoryName("team/app");
export const base = parseRepositoryName("team/base");
export const tag = parseTag;
export { parseReference, rules };
export const named = parseRepositoryName;
export const digest = (text: string): Digest => digestOf(Buffer.from(text));

/** A blob whose digest and storage key follow from its text. */
export const blob = (
  text: string,
  repository: RepositoryName = app,
): CommandInput<"storeBlob"> => ({
  ...{ ...times, actor: admin, rules, repository },
  ...{ digest: digest(text), sizeBytes: text.length, storageKey: `key of ${text}` },
});

const noPlatform = { os: null, architecture: null, variant: null, os_version: null };
type Reference = CommandInput<"putManifest">["references"][number];

export const reference = (
  position: number,
  kind: Reference["kind"],
  text: string,
  more: Partial<Reference> = {},
): Reference => ({
  ...{ position, kind, digest: digest(text), media_type: `type/${kind}`, size_bytes: text.length },
  ...{ ...noPlatform, os_features: null, artifact_type: null, urls: null, annotations: null },
  ...{ required: 1 as const, ...more },
});

/** A manifest whose digest follows from its text. */
export const manifest = (
  text: string,
  references: readonly Reference[],
  more: {
    readonly repository?: RepositoryName;
    readonly tags?: readonly string[];
    readonly columns?: Partial<CommandInput<"putManifest">["manifest"]>;
    readonly put?: Partial<CommandInput<"putManifest">>;
  } = {},
): CommandInput<"putManifest"> => ({
  ...{ ...times, actor: admin, rules, repository: more.repository ?? app },
  manifest: {
    ...{ digest: digest(text), media_type: "type/manifest", kind: "image" },
    ...{ size_bytes: text.length, content: Buffer.from(text) },
    ...{ ...noPlatform, os_features: null, artifact_type: null, config_media_type: null },
    ...{ subject_digest: null, annotations: null, pushed_at: 1_000, leased_until: 0 },
    ...more.columns,
  },
  ...{ references, tags: (more.tags ?? []).map(parseTag) },
  ...{ tagsCheckedAtMs: undefined, sparse: false, ...more.put },
});

/** The rows of a read that has no order. */
export const inAnyOrder = async (rows: Promise<readonly unknown[]>): Promise<readonly unknown[]> =>
  (await rows).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
