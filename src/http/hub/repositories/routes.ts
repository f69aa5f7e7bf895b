import type * as z from "zod";
import { pageSchema } from "../../../api/fields.ts";
import {
  createRepositoryBody,
  hubRepositoryItemSchema,
  hubRepositoryListQuery,
  hubRepositorySchema,
  repositoryOrderings,
  updateRepositoryBody,
} from "../../../api/repositories.ts";
import { OciError } from "../../../oci/errors.ts";
import { parseRepositoryName, type RepositoryName } from "../../../oci/name.ts";
import type { Registry } from "../../../registry/registry.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { HubError } from "../errors.ts";
import type { HubCatalog } from "../hub.ts";
import type { Pager } from "../pages.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { presentHubRepository, presentHubRepositoryItem } from "./presenters.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "repositories">;
  readonly registry: Pick<Registry, "repositories">;
  readonly pager: Pager;
  /** `repositories.defaultVisibility`. */
  readonly defaultVisibility: "private" | "public";
}

/** Routes of repositories: lists, and a repository itself. */
export function hubRepositoryRoutes(parts: Parts): readonly Route[] {
  return [
    ...listRoutes(parts),
    route({
      method: "post",
      path: "/v2/namespaces/:namespace/repositories",
      requires: { of: "namespace" },
      summary: "Creates an empty repository",
      body: createRepositoryBody,
      answer: hubRepositorySchema,
      status: 201,
      handle: (request) => create(parts, request),
    }),
    ...repositoryRoutes({
      method: "get",
      requires: { of: "repository", permission: "see" },
      summary: "A repository",
      answer: hubRepositorySchema,
      handle: (request) => get(parts, request),
    }),
    ...repositoryRoutes({
      method: "patch",
      requires: { of: "repository", permission: "describe" },
      summary: "Changes the descriptions or the visibility of a repository",
      body: updateRepositoryBody,
      answer: hubRepositorySchema,
      handle: (request) => update(parts, request),
    }),
    ...repositoryRoutes({
      method: "delete",
      requires: { of: "repository", permission: "remove" },
      summary: "Deletes a repository with everything in it",
      status: 202,
      handle: ({ actor, repository }) => parts.registry.repositories.delete(actor, repository),
    }),
  ];
}

const ofNamespace = "The repositories of a namespace that the caller sees";

function listRoutes(parts: Parts): readonly Route[] {
  return [
    { path: "/v2/namespaces/:namespace/repositories", legacy: false, summary: ofNamespace },
    { path: "/v2/repositories/:namespace", legacy: true, summary: ofNamespace },
    {
      path: "/v2/users/:namespace/repositories",
      legacy: true,
      summary: "The repositories of a user that the caller sees",
    },
  ].map((one) =>
    route({
      ...one,
      method: "get",
      requires: { of: "anyone" },
      cacheable: true,
      query: hubRepositoryListQuery,
      answer: pageSchema(hubRepositoryItemSchema),
      handle: (request) => list(parts, request),
    }),
  );
}

async function list(
  { hub: { repositories }, pager }: Parts,
  { ctx, session, namespace, query }: HubRequest<z.output<typeof hubRepositoryListQuery>>,
) {
  const { page, page_size: size, name: search, is_private: isPrivate } = query;
  const { count, items } = await repositories.list(session, {
    namespace,
    page,
    size,
    search,
    visibility: isPrivate === undefined ? undefined : isPrivate ? "private" : "public",
    ordering: repositoryOrderings.find((one) => query.ordering.endsWith(one)) ?? "name",
    descending: query.ordering.startsWith("-"),
  });
  return pager.numbered(
    ctx,
    query,
    count,
    items.map((item) => presentHubRepositoryItem(item)),
  );
}

async function get(
  { hub: { repositories } }: Parts,
  { session, repository }: Pick<HubRequest, "session" | "repository">,
) {
  return presentHubRepository(await repositories.get(session, repository));
}

async function create(
  parts: Parts,
  call: HubRequest<unknown, z.output<typeof createRepositoryBody>>,
) {
  const { session, actor, namespace, body } = call;
  if (body.namespace !== undefined && body.namespace !== namespace)
    throw wrongField("namespace", "differs from the namespace in the path");
  const repository = nameFrom(namespace, body.name);
  const isPrivate = body.is_private ?? parts.defaultVisibility === "private";
  const visibility = isPrivate ? "private" : "public";
  if (!(await parts.registry.repositories.create(actor, repository, visibility)))
    throw wrongField("name", "Repository with this name already exists");
  await describe(parts, { actor, repository, body });
  return get(parts, { session, repository });
}

async function update(
  parts: Parts,
  call: HubRequest<unknown, z.output<typeof updateRepositoryBody>>,
) {
  const { actor, repository, body } = call;
  const { repositories } = parts.registry;
  await describe(parts, call);
  if (body.is_private !== undefined) {
    const visibility = body.is_private ? "private" : "public";
    const before = await repositories.get(repository);
    if (before.visibility !== visibility)
      await repositories.setVisibility(actor, repository, visibility);
  }
  return get(parts, call);
}

/** Sets the descriptions that the body has. */
function describe(
  { hub: { repositories } }: Parts,
  {
    actor,
    repository,
    body,
  }: Pick<
    HubRequest<
      unknown,
      Pick<z.output<typeof updateRepositoryBody>, "description" | "full_description">
    >,
    "actor" | "repository" | "body"
  >,
): Promise<unknown> {
  return repositories.setDescriptions(actor, repository, {
    short: body.description ?? undefined,
    full: body.full_description ?? undefined,
  });
}

function wrongField(field: string, message: string): HubError {
  return new HubError(400, message, { fields: { [field]: [message] } });
}

function nameFrom(namespace: string, name: string): RepositoryName {
  try {
    return parseRepositoryName(`${namespace}/${name}`);
  } catch (error) {
    if (error instanceof OciError) throw wrongField("name", error.message);
    throw error;
  }
}
