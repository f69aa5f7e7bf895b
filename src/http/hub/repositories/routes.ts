import * as z from "zod";
import type { HubCatalog } from "../hub.ts";
import { OciError } from "../../../oci/errors.ts";
import { parseRepositoryName } from "../../../oci/name.ts";
import type { Registry } from "../../../registry/registry.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { HubError } from "../errors.ts";
import { pageOf, pageQuery, type Pager } from "../pages.ts";
import type { HubParts } from "../routes.ts";
import {
  presentRepositoryInfo,
  listedRepositorySchema,
  presentListedRepository,
  repositoryInfoSchema,
} from "./schemas.ts";

const orderings = ["name", "last_updated", "pull_count"] as const;
const listQuery = z.object({
  ...pageQuery,
  name: z.string().max(255).optional(),
  ordering: z
    .enum([...orderings, "-name", "-last_updated", "-pull_count"])
    .default("-last_updated"),
});

const shortText = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= 100, "has more than 100 bytes");
const fullText = z.string().max(25_000);
/** In Docker Hub a name has one component; in Berth it may have more. */
const repositoryName = z.string().min(1).max(255);

export interface RepositoryRouteParts {
  readonly hub: Pick<HubCatalog, "repositories" | "accounts">;
  readonly registry: Pick<Registry, "repositories">;
  readonly pager: Pager;
  readonly defaultVisibility: HubParts["defaultVisibility"];
}

export function hubRepositoryRoutes(parts: RepositoryRouteParts): readonly Route[] {
  const { hub, registry, pager, defaultVisibility } = parts;
  const { repositories } = hub;

  const info = async ({ session, repository }: HubRequest) =>
    presentRepositoryInfo(await repositories.get(session, repository));

  const list = {
    method: "get",
    requires: { of: "anyone" },
    cacheable: true,
    query: listQuery,
    answer: pageOf(listedRepositorySchema),
    handle: async ({
      ctx,
      session,
      namespace,
      query,
    }: HubRequest<z.output<typeof listQuery>, undefined>) => {
      const descending = query.ordering.startsWith("-");
      const ordering = orderings.find((one) => query.ordering.endsWith(one)) ?? "name";
      const { page, page_size: size, name: search } = query;
      const asked = { namespace, page, size, search, ordering, descending };
      const { count, items } = await repositories.list(session, asked);
      return pager.envelope(
        ctx,
        query,
        count,
        items.map((item) => presentListedRepository(item)),
      );
    },
  } as const;

  const createBody = z.object({
    name: repositoryName,
    namespace: z.string().optional(),
    description: shortText.nullish(),
    full_description: fullText.nullish(),
    registry: z.string().nullish(),
    is_private: z
      .boolean()
      .optional()
      .describe("Otherwise as repositories.defaultVisibility says."),
  });
  const create = async (
    call: HubRequest<unknown, z.output<typeof createBody>>,
    namespace: string,
  ) => {
    const { actor, body } = call;
    if (body.namespace !== undefined && body.namespace !== namespace)
      throw wrongField("namespace", "is another one than that of the path");
    const repository = nameFrom(namespace, body.name);
    const isPrivate = body.is_private ?? defaultVisibility === "private";
    const visibility = isPrivate ? "private" : "public";
    if (!(await registry.repositories.create(actor, repository, visibility)))
      throw wrongField("name", "Repository with this name already exists");
    await repositories.describe(actor, repository, {
      short: body.description ?? undefined,
      full: body.full_description ?? undefined,
    });
    return presentRepositoryInfo(await repositories.get(call.session, repository));
  };

  return [
    route({
      ...list,
      path: "/v2/namespaces/:namespace/repositories",
      summary: "The repositories of a namespace that the caller sees",
    }),
    route({
      ...list,
      path: "/v2/repositories/:namespace",
      legacy: true,
      summary: "The repositories of a namespace that the caller sees",
    }),
    route({
      ...list,
      path: "/v2/users/:namespace/repositories",
      legacy: true,
      summary: "The repositories of a user that the caller sees",
    }),
    route({
      method: "post",
      path: "/v2/namespaces/:namespace/repositories",
      requires: { of: "namespace" },
      summary: "Makes an empty repository",
      body: createBody,
      answer: repositoryInfoSchema,
      status: 201,
      handle: (call) => create(call, call.namespace),
    }),
    ...repositoryRoutes({
      method: "get",
      requires: { of: "repository", permission: "see" },
      summary: "A repository",
      answer: repositoryInfoSchema,
      handle: info,
    }),
    ...repositoryRoutes({
      method: "patch",
      requires: { of: "repository", permission: "describe" },
      summary: "Changes the descriptions of a repository, or who sees it",
      body: z.object({
        description: shortText.nullish(),
        full_description: fullText.nullish(),
        is_private: z.boolean().optional(),
        registry: z.string().nullish(),
        status: z.int().optional(),
      }),
      answer: repositoryInfoSchema,
      handle: async (call) => {
        const { actor, body, repository } = call;
        await repositories.describe(actor, repository, {
          short: body.description ?? undefined,
          full: body.full_description ?? undefined,
        });
        if (body.is_private !== undefined) {
          const visibility = body.is_private ? "private" : "public";
          const before = await registry.repositories.get(repository);
          if (before.visibility !== visibility)
            await registry.repositories.setVisibility(actor, repository, visibility);
        }
        return info(call);
      },
    }),
    ...repositoryRoutes({
      method: "delete",
      requires: { of: "repository", permission: "remove" },
      summary: "Removes a repository with everything in it",
      status: 202,
      handle: ({ actor, repository }) => registry.repositories.delete(actor, repository),
    }),
  ];
}

const wrongField = (field: string, message: string): HubError =>
  new HubError(400, message, { fields: { [field]: [message] } });

function nameFrom(namespace: string, name: string) {
  try {
    return parseRepositoryName(`${namespace}/${name}`);
  } catch (error) {
    if (error instanceof OciError) throw wrongField("name", error.message);
    throw error;
  }
}
