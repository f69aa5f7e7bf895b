import type { Registry } from "../../registry/registry.ts";
import { route, type Route } from "../route.ts";
import { blobRoutes, type BlobServices } from "./blobs.ts";
import { listRoutes } from "./lists.ts";
import { manifestRoutes, type ManifestServices } from "./manifests.ts";
import { uploadRoutes } from "./uploads.ts";

export interface RegistryServices {
  readonly registry: Registry;
  readonly policy: BlobServices["policy"];
  readonly mayRedirect: BlobServices["mayRedirect"];
  readonly pullCounters: ManifestServices["pullCounters"];
  readonly pullEvents: ManifestServices["pullEvents"];
  readonly limits: { readonly pageSize: number; readonly tagsPerPush: number };
}

/** The routes of the distribution API (distribution-spec, "Endpoints"), and `_catalog` of older registries. */
export function registryRoutes(services: RegistryServices): readonly Route[] {
  const { registry, policy, mayRedirect, pullCounters, pullEvents, limits } = services;
  const { blobs, manifests, uploads } = registry;
  return [
    ...versionRoutes,
    // Before the blobs: `blobs/uploads` matches `blobs/:digest` too.
    ...uploadRoutes({ uploads, blobs, policy }),
    ...blobRoutes({ blobs, policy, mayRedirect }),
    ...manifestRoutes({
      ...{ manifests, policy, pullCounters, pullEvents, tagsPerPush: limits.tagsPerPush },
    }),
    ...listRoutes({ ...registry, policy, pageSize: limits.pageSize }),
  ];
}

/** `GET /v2/`: clients check the API version and their credentials with it. */
export const versionCheck = {
  permission: { kind: "known-principal" },
  headers: { "Content-Type": "application/json; charset=utf-8" },
  body: "{}",
} as const;

const versionRoutes: readonly Route[] = ["/v2", "/v2/"].map((path) =>
  route({
    method: "get",
    path,
    requires: versionCheck.permission,
    handle: ({ ctx }) => {
      ctx.set(versionCheck.headers);
      ctx.body = versionCheck.body;
    },
  }),
);
