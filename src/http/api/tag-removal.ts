import type * as z from "zod";
import { deletedTagsSchema, deleteTagsBody } from "../../api/tag-removal.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { TagSelection } from "../../catalog/tag-removal.ts";
import { tagGrammar, type Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly catalog: Catalog;
  readonly policy: HubPolicy;
  readonly registry: Pick<Registry, "tags">;
}

/** The route of Berth's own API that deletes several tags of a repository. */
export function berthTagRemovalRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "post",
      path: `${root}/repositories/*repository/-/tag-deletions`,
      requires: { of: "repository", permission: "delete tags" },
      summary: "Deletes tags, named or selected by an expression; their manifests stay",
      body: deleteTagsBody,
      answer: deletedTagsSchema,
      handle: (request) => deleteTags(parts, request),
    }),
  ];
}

async function deleteTags(
  { catalog, policy, registry }: Parts,
  { session, actor, repository, body, work }: HubRequest<unknown, z.output<typeof deleteTagsBody>>,
): Promise<z.input<typeof deletedTagsSchema>> {
  const home = await catalog.repositories.get(repository);
  const chosen =
    body.matching === undefined
      ? { tags: [...new Set(body.tags as Tag[])], more: false }
      : await catalog.tagRemoval.select(home, selectionOf(body, body.matching), work);
  const { tags, more } = chosen;
  const valid = tags.filter((tag) => tagGrammar.test(tag));
  const expected = await catalog.tagRemoval.outcomes(home, valid);
  const deletable = valid.filter((tag) => expected.get(tag) === "deleted");
  const visibility = policy.visibilityFor(session);
  const frees = await catalog.tagRemoval.frees(home.id, deletable, visibility, work);
  const done = body.dry_run ? undefined : await registry.tags.delete(actor, repository, valid);
  const outcomeOf = (tag: Tag): "deleted" | "immutable" | "unknown" => {
    if (done === undefined) return expected.get(tag) ?? "unknown";
    if (done.deleted.has(tag)) return "deleted";
    return done.immutable.has(tag) ? "immutable" : "unknown";
  };
  const results = tags.map((name) => ({ name, outcome: outcomeOf(name) }));
  const immutable = results.filter(({ outcome }) => outcome === "immutable").length;
  const counts = "selected" in chosen ? chosen : { selected: tags.length, immutable };
  return {
    ...{ results, more, selected: counts.selected, immutable: counts.immutable },
    ...{ frees: frees ?? null, dry_run: body.dry_run },
  };
}

const selectionOf = (body: z.output<typeof deleteTagsBody>, matching: string): TagSelection => ({
  ...{ matching, keep: body.keep, unusedForDays: body.unused_for },
  ...{ search: body.filter, os: body.os, architecture: body.architecture },
});
