import type * as z from "zod";
import {
  hubRepositorySchema,
  immutableTagsBody,
  matchingTagsSchema,
  tagExpressionBody,
} from "../../../api/repositories.ts";
import { OciError } from "../../../oci/errors.ts";
import type { Registry } from "../../../registry/registry.ts";
import type { HubRequest, Route } from "../../route.ts";
import { HubError } from "../errors.ts";
import type { HubCatalog } from "../hub.ts";
import { repositoryRoutes } from "../repository-routes.ts";
import { presentHubRepository } from "./presenters.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "repositories" | "tags">;
  readonly registry: Pick<Registry, "repositories">;
}

const fixTags = { of: "repository", permission: "fix tags" } as const;

/** Routes of the immutable tags of a repository. */
export function immutableTagRoutes(parts: Parts): readonly Route[] {
  return [
    ...repositoryRoutes({
      method: "patch",
      rest: "/immutabletags",
      requires: fixTags,
      summary: "Sets the immutable tags by RE2 expressions for whole tags; without one, all tags",
      body: immutableTagsBody,
      answer: hubRepositorySchema,
      handle: (request) => setImmutableTags(parts, request),
    }),
    ...repositoryRoutes({
      method: "post",
      rest: "/immutabletags/verify",
      requires: fixTags,
      summary: "The tags that an expression would make immutable",
      body: tagExpressionBody,
      answer: matchingTagsSchema,
      changesContent: false,
      handle: async ({ repository, body, work }) => {
        const matching = () => parts.hub.tags.matching(repository, body.regex, work);
        return { tags: [...(await withExpressions("regex", matching))] };
      },
    }),
  ];
}

async function setImmutableTags(
  { hub, registry }: Parts,
  { actor, session, repository, body }: HubRequest<unknown, z.output<typeof immutableTagsBody>>,
) {
  const rules = body.immutable_tags ? body.immutable_tags_rules : null;
  await withExpressions("immutable_tags_rules", () =>
    registry.repositories.setImmutableTags(actor, repository, rules),
  );
  return presentHubRepository(await hub.repositories.get(session, repository));
}

/** Names the field of the body in the error for an invalid expression. */
async function withExpressions<T>(field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OciError) || error.code !== "TAG_INVALID") throw error;
    throw new HubError(400, error.message, { fields: { [field]: [error.message] } });
  }
}
