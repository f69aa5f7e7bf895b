import type * as z from "zod";
import { pageSchema, timeOrNull } from "../../api/fields.ts";
import { packageQuery, packageSchema, referrerContentsSchema } from "../../api/referrers.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { ReferrerContents, ReferrerLayer } from "../../catalog/referrer-inspector.ts";
import type { SbomPackage } from "../../catalog/sbom.ts";
import { parseDigest } from "../../oci/digest.ts";
import { HubError } from "../hub/errors.ts";
import type { Pager } from "../hub/pages.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { manifestPath, seeContents } from "./manifests.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly pager: Pager;
}

type Answer = z.input<typeof referrerContentsSchema>;
type Layer = Answer["layers"][number];

/** Routes of Berth's own API for what is attached to images: signatures, SBOMs and provenance. */
export function berthReferrerRoutes(parts: Parts): readonly Route[] {
  const { catalog } = parts;
  return [
    route({
      method: "get",
      path: `${manifestPath}/contents`,
      requires: seeContents,
      summary: "What is in a referrer: signatures, SBOMs and provenance, unverified",
      cacheable: true,
      answer: referrerContentsSchema,
      handle: async ({ repository, params, work }) => {
        const digest = parseDigest(params["digest"] ?? "");
        return presentContents(await catalog.referrers.contents(repository, digest, work));
      },
    }),
    route({
      method: "get",
      path: `${manifestPath}/packages`,
      requires: seeContents,
      summary: "The packages of an SBOM",
      cacheable: true,
      query: packageQuery,
      answer: pageSchema(packageSchema),
      handle: (request) => listPackages(parts, request),
    }),
  ];
}

async function listPackages(
  { catalog, pager }: Parts,
  { ctx, repository, params, query, work }: HubRequest<z.output<typeof packageQuery>>,
) {
  const { page, page_size: limit, query: searched, layer } = query;
  const wanted = {
    digest: parseDigest(params["digest"] ?? ""),
    layer: layer === undefined ? undefined : parseDigest(layer),
    ...{ query: searched, skip: (page - 1) * limit, limit },
  };
  const found = await catalog.referrers.packages(repository, wanted, work);
  if (found === undefined) throw new HubError(404, "the manifest has no SBOM that can be read");
  return pager.numbered(ctx, query, found.matching, found.items.map(presentPackage));
}

const presentPackage = ({ name, version, license, url }: SbomPackage) => ({
  ...{ name, version: version ?? null, license: license ?? null, url: url ?? null },
});

const presentContents = ({ manifest, layers, layerCount }: ReferrerContents): Answer => ({
  digest: manifest.digest,
  artifact_type: manifest.artifactType,
  subject: manifest.subjectDigest,
  layers: layers.map(presentLayer),
  layer_count: layerCount,
});

function presentLayer(layer: ReferrerLayer): Layer {
  const { sbom } = layer;
  return {
    ...{ digest: layer.digest, media_type: layer.mediaType, size: layer.sizeBytes },
    kind: layer.kind,
    problem: layer.problem ?? null,
    predicate_type: layer.predicateType ?? null,
    subjects: [...layer.subjects],
    subject_count: layer.subjectCount,
    signature: presentSignature(layer.signature),
    sbom:
      sbom === undefined
        ? null
        : {
            format: sbom.format,
            version: sbom.version ?? null,
            name: sbom.name ?? null,
            created: timeOrNull(sbom.createdAtMs),
            tools: [...sbom.tools],
            package_count: sbom.packageCount,
          },
    provenance: presentProvenance(layer.provenance),
  };
}

function presentSignature(signature: ReferrerLayer["signature"]): Layer["signature"] {
  if (signature === undefined) return null;
  const { certificate } = signature;
  return {
    is_verified: false,
    signed_digest: signature.signedDigest ?? null,
    certificate:
      certificate === undefined
        ? null
        : {
            identities: [...certificate.identities],
            identity_issuer: certificate.identityIssuer ?? null,
            issuer: certificate.issuer,
            valid_from: timeOrNull(certificate.validFromMs),
            valid_to: timeOrNull(certificate.validToMs),
          },
    key_hint: signature.keyHint ?? null,
    log_index: signature.logIndex ?? null,
    logged_at: timeOrNull(signature.loggedAtMs),
  };
}

function presentProvenance(provenance: ReferrerLayer["provenance"]): Layer["provenance"] {
  if (provenance === undefined) return null;
  return {
    builder: provenance.builder ?? null,
    build_type: provenance.buildType ?? null,
    source: provenance.source ?? null,
    commit: provenance.commit ?? null,
    entry_point: provenance.entryPoint ?? null,
    invocation_id: provenance.invocationId ?? null,
    started: timeOrNull(provenance.startedAtMs),
    finished: timeOrNull(provenance.finishedAtMs),
    materials: provenance.materials.map(({ uri, digest }) => ({ uri, digest })),
    material_count: provenance.materialCount,
  };
}
