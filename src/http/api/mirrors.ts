import type * as z from "zod";
import { pageQuery, pageSchema } from "../../api/fields.ts";
import { jobSchema } from "../../api/jobs.ts";
import {
  mirrorImageBody,
  mirrorItemSchema,
  mirrorSchema,
  pinSchema,
  purgeBody,
  syncBody,
  warmBody,
  type MirrorAnswer,
  type MirrorItemAnswer,
} from "../../api/mirrors.ts";
import type { HubPolicy } from "../../auth/hub-policy.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import type { MirrorAdministration } from "../../mirror/administration.ts";
import type { Mirror } from "../../mirror/mirror.ts";
import { OciError } from "../../oci/errors.ts";
import { HubError, notFound } from "../hub/errors.ts";
import type { Pager } from "../hub/pages.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import type { Administration } from "./admin/administration.ts";
import { startJob } from "./admin/jobs.ts";
import { mirrorSettingsRoutes } from "./mirror-settings.ts";
import { presentDetails, presentMirror, presentSettings } from "./mirror-presenters.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly administration: Administration;
  readonly catalog: Catalog;
  readonly policy: HubPolicy;
  readonly pager: Pager;
}

const path = `${root}/mirrors`;
const requires = { of: "administrator" } as const;

/** Routes of mirrors: what they hold and have done, and the changes of `berth mirror`. */
export const mirrorRoutes = (parts: Parts): readonly Route[] => [
  ...mirrorSettingsRoutes(parts.administration, (request) => show(parts, request)),
  ...contentRoutes(parts),
];

/** Routes of what mirrors hold. */
function contentRoutes(parts: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path,
      requires: { of: "anyone" },
      summary: "The mirrors of which the caller may read something",
      query: pageQuery,
      answer: pageSchema(mirrorItemSchema),
      handle: (request) => list(parts, request),
    }),
    route({
      method: "get",
      path: `${path}/:namespace`,
      requires: { of: "anyone" },
      summary: "A mirror; for administrators with pins, schedules and what is evicted next",
      answer: mirrorSchema,
      handle: (request) => show(parts, request),
    }),
    route({
      method: "post",
      path: `${path}/:namespace/warm`,
      requires,
      summary: "Starts to download an image, as a job",
      body: warmBody,
      answer: jobSchema,
      status: 202,
      handle: async (request) => {
        const { image, platforms, referrers } = request.body;
        const { mirrors, text } = await openMirror(parts, request.namespace, image);
        const found = await parseImage(mirrors, request.namespace, text);
        const options = { platforms, referrers, isDryRun: false };
        return startJob(parts.administration, request, mirrors.warmJob(text, found, options));
      },
    }),
    pinRoute(parts, true),
    pinRoute(parts, false),
    route({
      method: "post",
      path: `${path}/:namespace/purge`,
      requires,
      summary: "Deletes a cached tag, or without a tag the cached repository",
      body: purgeBody,
      status: 204,
      handle: (request) => purge(parts, request),
    }),
    route({
      method: "post",
      path: `${path}/:namespace/sync`,
      requires,
      summary: "Runs a schedule now, as a job",
      body: syncBody,
      answer: jobSchema,
      status: 202,
      handle: async (request) => {
        const { namespace, body } = request;
        const { mirrors } = await openMirror(parts, namespace, "");
        const job = mirrors.syncJob(namespace, body.schedule, body.dry_run);
        if (job === undefined)
          throw new HubError(404, `${namespace} has no schedule ${body.schedule}`);
        return startJob(parts.administration, request, job);
      },
    }),
  ];
}

const pinRoute = (parts: Parts, isPinned: boolean): Route =>
  route({
    method: "post",
    path: `${path}/:namespace/${isPinned ? "pin" : "unpin"}`,
    requires,
    summary: isPinned ? "Excludes an image from eviction" : "Includes an image in eviction again",
    body: mirrorImageBody,
    answer: pinSchema,
    handle: async ({ actor, namespace, body }) => {
      const { mirrors, text } = await openMirror(parts, namespace, body.image);
      const found = await parseImage(mirrors, namespace, text);
      const changed = await mirrors.pin(actor, found, isPinned);
      const { mirrorRepository, tag } = found;
      return { image: `${mirrorRepository.repository}:${tag}`, pinned: isPinned, changed };
    },
  });

async function list(
  { administration, ...parts }: Parts,
  { ctx, session, query }: HubRequest<z.output<typeof pageQuery>>,
) {
  const mirrors = await administration.mirrors();
  const visible: Mirror[] = [];
  for (const mirror of mirrors?.list ?? [])
    if (await isVisible(parts, session, mirror)) visible.push(mirror);
  const page = parts.pager.numberedOf(ctx, query, visible);
  const reports = isAdministrator(session) && (await mirrors?.report());
  const results: MirrorItemAnswer[] = [];
  for (const mirror of page.results) {
    const { namespace } = mirror.settings;
    const report = (reports || []).find((one) => one.namespace === namespace);
    const health = report ?? (await mirrors?.healthOf(namespace));
    const isConfigured = mirrors?.isConfigured(namespace) ?? true;
    results.push(presentMirror(mirror, isConfigured, health, report));
  }
  return { ...page, results };
}

async function show(
  { administration, ...parts }: Parts,
  { session, namespace }: HubRequest,
): Promise<MirrorAnswer> {
  const mirrors = await administration.mirrors();
  const mirror = mirrors?.list.find(({ settings }) => settings.namespace === namespace);
  if (mirrors === undefined || mirror === undefined) throw notFound();
  if (!(await isVisible(parts, session, mirror))) throw notFound();
  const [report] = isAdministrator(session) ? await mirrors.report(namespace) : [];
  const health = report ?? (await mirrors.healthOf(namespace));
  return {
    ...presentMirror(mirror, mirrors.isConfigured(namespace), health, report),
    details: report === undefined ? null : presentDetails(report),
    settings: report === undefined ? null : presentSettings(mirror),
  };
}

async function purge(
  parts: Parts,
  { actor, namespace, body }: HubRequest<unknown, z.output<typeof purgeBody>>,
): Promise<void> {
  const { mirrors, text } = await openMirror(parts, namespace, body.image);
  try {
    await mirrors.purge(actor, await parseImage(mirrors, namespace, text));
  } catch (error) {
    // An administrator sees every repository, so the message may tell that it is not cached.
    if (error instanceof OciError && error.code === "NAME_UNKNOWN")
      throw new HubError(404, error.message);
    throw error;
  }
}

/** A client that may read one of its repositories sees a private mirror. */
async function isVisible(
  { catalog, policy }: Pick<Parts, "catalog" | "policy">,
  session: HubRequest["session"],
  { settings: { namespace, visibility } }: Mirror,
): Promise<boolean> {
  if (visibility === "public") return true;
  if ((await policy.viewOf(session, namespace)).kind === "all") return true;
  const page = { namespace, last: undefined, limit: 1 };
  const { items } = await catalog.repositories.list(policy.visibilityFor(session), page);
  return items.length > 0;
}

const isAdministrator = (session: HubRequest["session"]): boolean =>
  session?.principal.kind === "user" &&
  session.principal.isAdmin &&
  session.principal.by === "password";

/** The mirror of a namespace, and the name of one of its images with the namespace. Throws 404. */
async function openMirror({ administration }: Parts, namespace: string, image: string) {
  const mirrors = await administration.mirrors();
  const isThere = mirrors?.list.some(({ settings }) => settings.namespace === namespace);
  if (mirrors === undefined || isThere !== true)
    throw new HubError(404, `there is no mirror ${namespace}`);
  return { mirrors, text: image.startsWith(`${namespace}/`) ? image : `${namespace}/${image}` };
}

/** Throws 400 for an invalid name, and 403 if the configuration excludes it. */
const parseImage = (mirrors: MirrorAdministration, namespace: string, text: string) =>
  mirrors.parseImage(text).catch((error: unknown) => {
    if (error instanceof OciError && error.code !== "DENIED")
      throw new HubError(400, `${text} is not an image of ${namespace}: ${error.message}`);
    throw error;
  });
