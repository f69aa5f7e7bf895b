import { materialsAtMost } from "../api/limits.ts";
import {
  partsIn,
  textIn,
  type JsonPart,
  type JsonParts,
  type JsonShape,
} from "../oci/json-parts.ts";
import { timeIn } from "./image-config.ts";

/** How an image was built, as its builder says (SLSA provenance v0.1, v0.2 and v1). */
export interface Provenance {
  readonly builder: string | undefined;
  readonly buildType: string | undefined;
  /** The repository or the context of the build. */
  readonly source: string | undefined;
  readonly commit: string | undefined;
  /** The file or the workflow that the build began with. */
  readonly entryPoint: string | undefined;
  readonly invocationId: string | undefined;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly materials: readonly Material[];
  readonly materialCount: number;
}

/** Something that a build used: a commit, a base image. */
interface Material {
  readonly uri: string;
  /** `sha256:…`; empty if it is not known. */
  readonly digest: string;
}

/** Counts the materials of a provenance while it is read, and keeps the first. */
export class MaterialList {
  readonly items: Material[] = [];
  /** A commit among the materials: GitHub names the source only here. */
  commit: string | undefined;
  count = 0;

  add(part: JsonPart): void {
    const keys = partsIn(part);
    this.count += 1;
    const digests = partsIn(keys["digest"]);
    this.commit ??= textIn(digests["gitCommit"]);
    if (this.items.length >= materialsAtMost) return;
    const uri = textIn(keys["uri"]) ?? textIn(keys["name"]) ?? "";
    this.items.push({ uri, digest: firstDigest(digests) });
  }
}

/** The first entry of a set of digests (in-toto `DigestSet`). */
export function firstDigest(digests: JsonParts): string {
  const [[algorithm, value] = []] = Object.entries(digests);
  const known = textIn(value);
  return algorithm === undefined || known === undefined ? "" : `${algorithm}:${known}`;
}

const text: JsonShape = { text: 1024 };
const digestSet: JsonShape = { texts: 255 };
const versionControl: JsonShape = { keys: { vcs: { keys: { source: text, revision: text } } } };
const buildkitMetadata = "https://mobyproject.org/buildkit@v1#metadata";

/** The keys of a provenance, but `metadata`. Its materials are added to the list. */
export function provenanceKeys(materials: MaterialList): Readonly<Record<string, JsonShape>> {
  const list: JsonShape = {
    items: { keys: { uri: text, name: text, digest: digestSet } },
    take: (part) => materials.add(part),
  };
  const configSource = {
    keys: { uri: text, digest: digestSet, entryPoint: text, path: text },
  };
  return {
    // v0.1 and v0.2
    builder: { keys: { id: text } },
    buildType: text,
    recipe: { keys: { type: text, entryPoint: text } },
    invocation: { keys: { configSource } },
    materials: list,
    // v1
    buildDefinition: {
      keys: {
        buildType: text,
        externalParameters: {
          keys: {
            configSource,
            source: { text: 1024, keys: { uri: text } },
            entryPoint: text,
            workflow: { keys: { repository: text, path: text } },
          },
        },
        resolvedDependencies: list,
      },
    },
    runDetails: {
      keys: {
        builder: { keys: { id: text } },
        metadata: {
          keys: {
            ...{ invocationId: text, startedOn: text, finishedOn: text },
            buildkit_metadata: versionControl,
          },
        },
      },
    },
  };
}

/** The keys of the `metadata` of v0.1 and v0.2. Programs spell the id in two ways. */
export const provenanceMetadata: Readonly<Record<string, JsonShape>> = {
  ...{ buildInvocationId: text, buildInvocationID: text },
  ...{ buildStartedOn: text, buildFinishedOn: text },
  [buildkitMetadata]: versionControl,
};

export function provenanceOf(predicate: JsonPart, materials: MaterialList): Provenance {
  const keys = partsIn(predicate);
  const read = "buildDefinition" in keys || "runDetails" in keys ? readV1 : readV0;
  const { source, commit, ...rest } = read(keys);
  return {
    ...rest,
    source: source ?? materials.items.find(({ uri }) => uri.startsWith("git+"))?.uri,
    commit: commit ?? materials.commit,
    materials: materials.items,
    materialCount: materials.count,
  };
}

type Read = Omit<Provenance, "materials" | "materialCount">;

function readV0(keys: JsonParts): Read {
  const metadata = partsIn(keys["metadata"]);
  const recipe = partsIn(keys["recipe"]);
  const config = partsIn(partsIn(keys["invocation"])["configSource"]);
  const vcs = partsIn(partsIn(metadata[buildkitMetadata])["vcs"]);
  return {
    builder: textIn(partsIn(keys["builder"])["id"]),
    buildType: textIn(keys["buildType"]) ?? textIn(recipe["type"]),
    source: textIn(vcs["source"]) ?? textIn(config["uri"]),
    commit: textIn(vcs["revision"]) ?? commitIn(config["digest"]),
    entryPoint: textIn(config["entryPoint"]) ?? textIn(recipe["entryPoint"]),
    invocationId: textIn(metadata["buildInvocationId"]) ?? textIn(metadata["buildInvocationID"]),
    startedAtMs: timeIn(textIn(metadata["buildStartedOn"])),
    finishedAtMs: timeIn(textIn(metadata["buildFinishedOn"])),
  };
}

function readV1(keys: JsonParts): Read {
  const definition = partsIn(keys["buildDefinition"]);
  const details = partsIn(keys["runDetails"]);
  const metadata = partsIn(details["metadata"]);
  const parameters = partsIn(definition["externalParameters"]);
  const config = partsIn(parameters["configSource"]);
  const workflow = partsIn(parameters["workflow"]);
  const vcs = partsIn(partsIn(metadata["buildkit_metadata"])["vcs"]);
  const given = parameters["source"];
  return {
    builder: textIn(partsIn(details["builder"])["id"]),
    buildType: textIn(definition["buildType"]),
    source:
      textIn(vcs["source"]) ??
      textIn(workflow["repository"]) ??
      textIn(config["uri"]) ??
      textIn(given) ??
      textIn(partsIn(given)["uri"]),
    commit: textIn(vcs["revision"]) ?? commitIn(config["digest"]),
    entryPoint:
      textIn(workflow["path"]) ?? textIn(config["path"]) ?? textIn(parameters["entryPoint"]),
    invocationId: textIn(metadata["invocationId"]),
    startedAtMs: timeIn(textIn(metadata["startedOn"])),
    finishedAtMs: timeIn(textIn(metadata["finishedOn"])),
  };
}

/** Git's digests are named `sha1` or `gitCommit`; another one is of a file. */
function commitIn(digests: JsonPart): string | undefined {
  const keys = partsIn(digests);
  return textIn(keys["gitCommit"]) ?? textIn(keys["sha1"]);
}
