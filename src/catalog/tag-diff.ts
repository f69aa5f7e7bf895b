import { diffFieldsAtMost, diffLayersAtMost } from "../api/limits.ts";
import type { Database } from "../database/contract.ts";
import type { TaggedManifest } from "../database/catalog/tag-pages.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import { descriptorsAtMost } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/name.ts";
import type { Reference, Tag } from "../oci/reference.ts";
import type { Registry } from "../registry/registry.ts";
import { createImageInspector, type InspectedImage, type Layer } from "./image-inspector.ts";
import { imagesOfManifests, type Image } from "./tag-inspector.ts";
import type { YieldingWork } from "../concurrency/yielding-work.ts";

/** A field that differs between two image configs. `null`: the config does not have the field. */
export interface FieldChange {
  /** `config.Env.PATH`, `config.Cmd`, `os.version` */
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

export interface ComparedImage {
  /** `undefined`: the request has the digest. */
  readonly tag: Tag | undefined;
  /** The digest of the request, or that the tag points at; `image` is the compared platform of it. */
  readonly digest: Digest;
  readonly image: Image;
  readonly sizeBytes: number;
}

export interface TagDiff {
  readonly from: ComparedImage;
  readonly to: ComparedImage;
  readonly layers: {
    readonly shared: LayerList;
    readonly added: LayerList;
    readonly removed: LayerList;
  };
  /** `to.sizeBytes - from.sizeBytes`. `downloadBytes`: the layers that a client with the first image must download. */
  readonly sizeChangeBytes: number;
  readonly downloadBytes: number;
  /** The first {@link diffFieldsAtMost}. */
  readonly config: readonly FieldChange[];
  readonly configChangeCount: number;
}

export interface LayerList {
  /** The first {@link diffLayersAtMost}. */
  readonly layers: readonly Layer[];
  readonly count: number;
}

/** Fields that differ in every build and do not affect how the image runs. */
const ignoredConfigFields = new Set([
  "created",
  "history",
  "rootfs",
  "container",
  "container_config",
  "id",
]);

interface DiffRequest {
  readonly repository: RepositoryName;
  readonly from: Reference;
  readonly to: Reference;
  /**
   * `os/architecture` or `os/architecture/variant`. Default: linux/amd64, or the first platform that both tags have.
   */
  readonly platform?: string | undefined;
}

export type TagDiffs = ReturnType<typeof createTagDiffs>;

export function createTagDiffs(parts: {
  readonly database: Database;
  readonly registry: Pick<Registry, "blobs">;
}) {
  const { database } = parts;

  return {
    /** Throws NAME_UNKNOWN, and MANIFEST_UNKNOWN if a tag does not exist or has no image for the platform. */
    async compare(
      { repository, from, to, platform }: DiffRequest,
      work: YieldingWork,
    ): Promise<TagDiff> {
      const [home] = await database.repositoryDetails.find([repository], { fullTexts: false });
      if (home === undefined) throw new OciError("NAME_UNKNOWN");
      const before = await manifestOf(database, home.id, from);
      const after = await manifestOf(database, home.id, to);
      const held = await imagesOfManifests(database, home.id, [before, after], work);
      const imagesOf = ({ id }: TaggedManifest): readonly Image[] => held.get(id)?.images ?? [];
      const [older, newer] = pairOf(imagesOf(before), imagesOf(after), platform);
      const open = createImageInspector(parts, repository);
      const read = async ({ manifestId, digest }: Image): Promise<InspectedImage> => {
        await work.step();
        if (manifestId === undefined)
          throw new OciError("MANIFEST_UNKNOWN", undefined, { detail: { digest } });
        return open(manifestId, descriptorsAtMost);
      };
      const old = await read(older);
      const fresh = await read(newer);
      await work.step();
      const config = differingFields(old.config, fresh.config);
      const had = new Set(old.layers.map(({ digest }) => digest));
      const has = new Set(fresh.layers.map(({ digest }) => digest));
      const added = fresh.layers.filter(({ digest }) => !had.has(digest));
      return {
        from: comparedOf(from, before, older),
        to: comparedOf(to, after, newer),
        layers: {
          shared: listOf(fresh.layers.filter(({ digest }) => had.has(digest))),
          added: listOf(added),
          removed: listOf(old.layers.filter(({ digest }) => !has.has(digest))),
        },
        sizeChangeBytes: newer.sizeBytes - older.sizeBytes,
        downloadBytes: added.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        config: config.slice(0, diffFieldsAtMost),
        configChangeCount: config.length,
      };
    },
  };
}

async function manifestOf(
  { tagPages, images }: Pick<Database, "tagPages" | "images">,
  repositoryId: number,
  reference: Reference,
): Promise<TaggedManifest> {
  const [found] =
    reference.kind === "digest"
      ? await images.manifests(repositoryId, [reference.digest])
      : (await tagPages.find(repositoryId, [reference.tag])).map(({ manifest }) => manifest);
  if (found !== undefined) return found;
  const { kind: _, ...detail } = reference;
  throw new OciError("MANIFEST_UNKNOWN", undefined, { detail });
}

const comparedOf = (
  reference: Reference,
  { digest }: TaggedManifest,
  image: Image,
): ComparedImage => ({
  tag: reference.kind === "tag" ? reference.tag : undefined,
  ...{ digest, image, sizeBytes: image.sizeBytes },
});

const listOf = (layers: readonly Layer[]): LayerList => ({
  layers: layers.slice(0, diffLayersAtMost),
  count: layers.length,
});

function platformText({ os, architecture, variant }: Image): string {
  return [os, architecture, ...(variant === null ? [] : [variant])].join("/");
}

/** Selects one image of each tag with the same platform, preferably with the same `os.version`. */
function pairOf(
  from: readonly Image[],
  to: readonly Image[],
  platform: string | undefined,
): readonly [Image, Image] {
  const isWanted = (image: Image): boolean =>
    platform === undefined ||
    platformText(image) === platform ||
    `${image.os}/${image.architecture}` === platform;
  const candidates = to.filter(isWanted).toSorted((a, b) => rankOf(a) - rankOf(b));
  for (const newer of candidates) {
    const same = from.filter((image) => platformText(image) === platformText(newer));
    const older = same.find(({ osVersion }) => osVersion === newer.osVersion) ?? same[0];
    if (older !== undefined) return [older, newer];
  }
  throw new OciError(
    "MANIFEST_UNKNOWN",
    platform === undefined
      ? "the two tags have no image for the same platform"
      : `one of the tags has no image for ${platform}`,
  );
}

const rankOf = (image: Image): number => (platformText(image) === "linux/amd64" ? 0 : 1);

/** Compares two image configs (image-spec config.md). Returns the differing fields, sorted by field name. */
function differingFields(from: unknown, to: unknown): readonly FieldChange[] {
  const [before, after] = [fieldsOf(from), fieldsOf(to)];
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names.flatMap((field) => {
    const [old, fresh] = [before.get(field) ?? null, after.get(field) ?? null];
    return JSON.stringify(old) === JSON.stringify(fresh) ? [] : [{ field, from: old, to: fresh }];
  });
}

/**
 * Flattens a config into fields: the members of `config`, each variable of `Env`, and each key of `Labels`,
 * `ExposedPorts` and `Volumes`.
 */
function fieldsOf(config: unknown): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of entriesOf(config)) {
    if (ignoredConfigFields.has(name)) continue;
    if (name !== "config") {
      fields.set(name, value);
      continue;
    }
    for (const [key, inner] of entriesOf(value)) {
      if (key === "Env" && Array.isArray(inner)) {
        for (const text of inner.map(String)) {
          const at = text.indexOf("=");
          const variable = at < 0 ? text : text.slice(0, at);
          fields.set(`config.Env.${variable}`, at < 0 ? "" : text.slice(at + 1));
        }
      } else if (["Labels", "ExposedPorts", "Volumes"].includes(key)) {
        for (const [label, said] of entriesOf(inner)) fields.set(`config.${key}.${label}`, said);
      } else fields.set(`config.${key}`, inner);
    }
  }
  return fields;
}

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
