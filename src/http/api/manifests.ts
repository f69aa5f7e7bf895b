import type * as z from "zod";
import { timeOf, timeOrNull } from "../../api/fields.ts";
import { layerUrlsAtMost } from "../../api/limits.ts";
import { layerSharingSchema, manifestSchema } from "../../api/manifests.ts";
import { featuresAtMost } from "../../api/tags.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ImageConfig } from "../../catalog/image-config.ts";
import type { ImageStep, IndexChild, InspectedManifest } from "../../catalog/manifest-inspector.ts";
import { parseDigest } from "../../oci/digest.ts";
import { route, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly policy: HubPolicy;
}

type Answer = z.input<typeof manifestSchema>;

export const manifestPath = `${root}/repositories/*repository/-/manifests/:digest`;
/** The configuration of an image can contain secrets, so these routes need the permission to pull it. */
export const seeContents = { of: "repository", permission: "see contents" } as const;

/** Routes of Berth's own API for a manifest: what it consists of. */
export function berthManifestRoutes({ catalog, policy }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path: manifestPath,
      requires: seeContents,
      summary: "A manifest with its text, its children, its configuration and its layers",
      revalidates: true,
      answer: manifestSchema,
      handle: async ({ repository, params, work }) => {
        const digest = parseDigest(params["digest"] ?? "");
        return presentManifest(await catalog.manifests.get(repository, digest, work));
      },
    }),
    route({
      method: "get",
      path: `${manifestPath}/sharing`,
      requires: seeContents,
      summary: "Where else the layers of an image are used",
      answer: layerSharingSchema,
      handle: async ({ session, repository, params, work }) => {
        const digest = parseDigest(params["digest"] ?? "");
        const visibility = policy.visibilityFor(session);
        const { layers, bytes } = await catalog.layerSharing.of(
          { repository, digest },
          visibility,
          work,
        );
        return { layers: [...layers], bytes };
      },
    }),
  ];
}

function presentManifest(manifest: InspectedManifest): Answer {
  const { config, annotations, hasAnnotations } = manifest;
  return {
    digest: manifest.digest,
    media_type: manifest.mediaType,
    artifact_type: manifest.artifactType,
    kind: manifest.kind,
    size: manifest.sizeBytes,
    pushed_at: timeOf(manifest.pushedAtMs),
    subject: manifest.subjectDigest,
    platform: presentPlatform(manifest),
    raw: manifest.raw ?? null,
    annotations:
      annotations === null && hasAnnotations
        ? null
        : (JSON.parse(annotations ?? "{}") as Record<string, string>),
    children: manifest.children.map(presentChild),
    child_count: manifest.childCount,
    config: config === undefined ? null : presentConfig(config),
    config_problem: manifest.configProblem ?? null,
    steps: manifest.steps.map(presentStep),
    step_count: manifest.stepCount,
  };
}

function presentPlatform(
  of: Pick<IndexChild, "os" | "architecture" | "variant" | "osVersion" | "osFeatures">,
): Answer["platform"] {
  if (of.os === null && of.architecture === null) return null;
  return {
    os: of.os ?? "",
    architecture: of.architecture ?? "",
    variant: of.variant,
    os_version: of.osVersion,
    os_features: (JSON.parse(of.osFeatures ?? "[]") as string[]).slice(0, featuresAtMost),
  };
}

const presentChild = (child: IndexChild): Answer["children"][number] => ({
  digest: child.digest,
  media_type: child.mediaType,
  artifact_type: child.artifactType,
  size: child.sizeBytes,
  platform: presentPlatform(child),
  attests: child.referenceType === "attestation-manifest" ? child.referenceDigest : null,
  is_here: child.isHere,
});

const presentStep = ({ instruction, createdAtMs, layer }: ImageStep): Answer["steps"][number] => ({
  instruction,
  created: timeOrNull(createdAtMs),
  layer:
    layer === undefined
      ? null
      : {
          digest: layer.digest,
          size: layer.sizeBytes,
          media_type: layer.mediaType,
          urls: (JSON.parse(layer.urls ?? "[]") as string[]).slice(0, layerUrlsAtMost),
          is_here: layer.isHere === 1,
        },
});

function presentConfig(config: ImageConfig): Answer["config"] {
  const check = config.healthcheck;
  const listOrNull = (texts: readonly string[] | undefined) => (texts ? [...texts] : null);
  return {
    created: timeOrNull(config.createdAtMs),
    entrypoint: listOrNull(config.entrypoint),
    cmd: listOrNull(config.cmd),
    env: [...config.env],
    labels: config.labels,
    user: config.user,
    working_dir: config.workingDir,
    ports: [...config.ports],
    volumes: [...config.volumes],
    stop_signal: config.stopSignal ?? null,
    healthcheck:
      check === undefined
        ? null
        : {
            test: [...check.test],
            interval: check.intervalSeconds ?? null,
            timeout: check.timeoutSeconds ?? null,
            start_period: check.startPeriodSeconds ?? null,
            retries: check.retries ?? null,
          },
    is_complete: config.isComplete,
  };
}
