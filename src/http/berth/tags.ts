import type { Context } from "koa";
import type { Browsing } from "../../hub/browsing.ts";
import { parseDigest, type Digest } from "../../oci/digest.ts";
import { OciError } from "../../oci/errors.ts";
import { parseTag, type Tag } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import { createBodyReader } from "../body.ts";
import { actorOf } from "../caller.ts";
import { queryValue } from "../links.ts";
import type { Origins } from "../origins.ts";
import type { Route } from "../route.ts";
import { envelope, followedBy, numberedPage } from "../search/page.ts";
import { sendNothing } from "../send.ts";
import { root } from "./repositories.ts";
import { differenceShape, moveShape, referrerShape, tagShape } from "./shapes.ts";

const readBody = createBodyReader(4096, 4096 * 1000);

/** A repository's tags: what is in them, what they were, and what makes two of them different. */
export function berthTagRoutes(parts: {
  readonly browsing: Browsing;
  readonly registry: Pick<Registry, "tags" | "manifests">;
  readonly origins: Origins;
}): readonly Route[] {
  const { browsing, registry, origins } = parts;
  const read = { kind: "page", actions: [] } as const;
  const tags = `${root}/repositories/*name/-/tags`;
  return [
    {
      method: "get",
      path: tags,
      permission: read,
      handle: async (ctx, { repository }) => {
        const { size: limit } = numberedPage(ctx);
        const last = queryValue(ctx, "last") as Tag | undefined;
        const { items, total, more } = await browsing.tags.list(repository, { last, limit });
        ctx.body = followedBy(ctx, origins, more ? items.at(-1)?.name : undefined, {
          ...{ count: total, results: items.map(tagShape) },
        });
      },
    },
    {
      method: "get",
      path: `${root}/repositories/*name/-/diff`,
      permission: read,
      handle: async (ctx, { repository }) => {
        const [from, to] = [queryTag(ctx, "from"), queryTag(ctx, "to")];
        const platform = queryValue(ctx, "platform");
        const difference = await browsing.differences.compare({
          ...{ repository, from, to, platform },
        });
        ctx.body = differenceShape(difference);
      },
    },
    {
      method: "get",
      path: `${tags}/:tag/history`,
      permission: read,
      handle: async (ctx, { repository }) => {
        const page = numberedPage(ctx);
        const { items, total } = await browsing.tags.history(repository, tagOf(ctx), {
          ...{ skip: page.offset, limit: page.size },
        });
        ctx.body = envelope(ctx, origins, page, { count: total, results: items.map(moveShape) });
      },
    },
    {
      method: "post",
      path: `${tags}/:tag/rollback`,
      permission: { kind: "page", actions: ["push"] },
      handle: async (ctx, { repository }) => {
        const [tag, wanted] = [tagOf(ctx), digestIn(await readBody(ctx.req))];
        const digest = await registry.tags.rollBack(actorOf(ctx), repository, tag, wanted);
        ctx.body = { name: tag, digest };
      },
    },
    {
      method: "get",
      path: `${tags}/:tag`,
      permission: read,
      handle: async (ctx, { repository }) => {
        const tag = await browsing.tags.get(repository, tagOf(ctx));
        ctx.body = { ...tagShape(tag), referrers: tag.referrers.map(referrerShape) };
      },
    },
    {
      method: "delete",
      path: `${tags}/:tag`,
      permission: { kind: "page", actions: ["delete"] },
      handle: async (ctx, { repository }) => {
        await browsing.repositories.get(repository);
        await registry.manifests.delete(actorOf(ctx), repository, { kind: "tag", tag: tagOf(ctx) });
        sendNothing(ctx, 204);
      },
    },
  ];
}

const tagOf = (ctx: Context): Tag => parseTag(ctx["params"].tag);

function queryTag(ctx: Context, key: string): Tag {
  return parseTag(queryValue(ctx, key) ?? "");
}

/** `{"digest":"sha256:…"}`, or nothing. */
function digestIn(body: Buffer): Digest | undefined {
  if (body.length === 0) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(body.toString("utf8"));
  } catch {
    json = undefined;
  }
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new OciError("UNSUPPORTED", "the body is a JSON object", { status: 400 });
  const { digest } = json as { readonly digest?: unknown };
  if (digest === undefined || digest === null) return undefined;
  return parseDigest(typeof digest === "string" ? digest : "");
}
