import { sql, type RawBuilder } from "kysely";
import type { Digest } from "../../oci/digest.ts";
import { namespaceOf, type RepositoryName } from "../../oci/name.ts";
import type { Reference, Tag } from "../../oci/reference.ts";
import type { Actor } from "../permissions/authority.ts";
import { prepared, type Placeholders } from "../prepared.ts";
import { bigint } from "../query-parts.ts";
import type { Db } from "../schema.ts";
import type { WantedEvent } from "../../api/event-types.ts";

/*
 * The transactional outbox: a command writes its events, and a delivery for each webhook that wants them, in its own
 * transaction. So a change that is acknowledged has its events, and one that rolls back has none.
 *
 * Deliveries of one subject are sent in the order of their ids. A command writes events after it has locked what they
 * are about, so this is the order of the commits.
 */

interface OfRepository {
  readonly type: Extract<WantedEvent, "push" | "pull" | `tag.${string}` | `repository.${string}`>;
  readonly repository: RepositoryName;
  readonly tag?: Tag;
  readonly digest?: Digest;
  /** The manifest of the digest, for its media type and size. */
  readonly manifestId?: number;
  /** The manifest that the tag had before. */
  readonly previousManifestId?: number;
}

interface OfNamespace {
  readonly type: Extract<WantedEvent, `quota.${string}` | `mirror.${string}`>;
  readonly namespace: string;
}

/** Who caused an event, and when. */
interface EventContext {
  readonly actor: Pick<Actor, "name" | "peer">;
  readonly nowMs: number;
}

type NewEvent = (OfRepository | OfNamespace) & {
  readonly data?: Readonly<Record<string, string | number>>;
  /** SQL condition: without it, nothing is written. */
  readonly onlyIf?: RawBuilder<boolean>;
};

const readListening = prepared(
  (db, { namespace, repository }: Placeholders<{ namespace: string; repository: string }>) =>
    db
      .selectFrom("webhooks")
      .select("id")
      .where("scope", "in", ["", namespace, repository])
      .where("is_active", "=", 1)
      .limit(1),
);

/**
 * Writes the events of one repository or namespace, and their deliveries to the webhooks that want them. Without a webhook
 * it is one query.
 */
export async function recordEvents(
  tx: Db,
  context: EventContext,
  ...events: readonly NewEvent[]
): Promise<void> {
  const [first] = events;
  if (first === undefined) return;
  const { namespace, repository } = homeOf(first);
  const scopes = { namespace, repository: repository ?? "" };
  const listening = await readListening.executeTakeFirst(tx, scopes);
  if (listening === undefined) return;
  for (const event of events) await recordEvent(tx, event, context);
}

/** A pull, as a process has seen it. */
export interface SeenPull {
  readonly repository: RepositoryName;
  readonly reference: Reference;
  readonly digest: Digest;
  readonly actor: string;
  readonly peer: string;
  readonly atMs: number;
}

/** Writes events of pulls, if webhooks still want them. */
export async function recordPulls(
  tx: Db,
  { pulls }: { readonly pulls: readonly SeenPull[] },
): Promise<void> {
  for (const { repository, reference, digest, actor: name, peer, atMs: nowMs } of pulls) {
    const manifest = await tx
      .selectFrom("manifests")
      .innerJoin("repositories", "repositories.id", "manifests.repository_id")
      .select("manifests.id as id")
      .where("repositories.name", "=", repository)
      .where("manifests.digest", "=", digest)
      .executeTakeFirst();
    const of = {
      ...(reference.kind === "tag" && { tag: reference.tag }),
      ...(manifest && { manifestId: manifest.id }),
    };
    const event = { type: "pull", repository, digest, ...of } as const;
    await recordEvents(tx, { actor: { name, peer }, nowMs }, event);
  }
}

async function recordEvent(tx: Db, event: NewEvent, { actor, nowMs }: EventContext): Promise<void> {
  const { type, data = {}, onlyIf = sql<boolean>`TRUE` } = event;
  const { namespace, repository } = homeOf(event);
  const { tag, digest, manifestId, previousManifestId } = subjectOf(event);
  const wanting = wantingWebhooks({ type, namespace, repository, tag });
  const ofManifest = (column: string, id: number | null) =>
    sql`(SELECT ${sql.ref(column)} FROM manifests WHERE id = ${id})`;
  const ofHome = (column: string) =>
    sql`(SELECT ${sql.ref(column)} FROM repositories WHERE name = ${repository})`;
  const { rows } = await sql<{ readonly id: number }>`
    INSERT INTO events (at, type, actor, peer, namespace, repository, tag, digest, previous_digest,
      media_type, size_bytes, visibility, repository_created_at, data)
    SELECT ${nowMs}, ${type}, ${actor.name}, ${actor.peer}, ${namespace}, ${repository}, ${tag}, ${digest},
      ${ofManifest("digest", previousManifestId)}, ${ofManifest("media_type", manifestId)},
      ${ofManifest("size_bytes", manifestId)}, ${ofHome("visibility")}, ${ofHome("created_at")},
      ${JSON.stringify(data)}
    WHERE EXISTS (SELECT 1 ${wanting}) AND ${onlyIf}
    RETURNING id`.execute(tx);
  const [written] = rows;
  if (written === undefined) return;
  const subject = lineOf({ namespace, repository, tag, digest });
  await sql`
    INSERT INTO webhook_deliveries (webhook_id, event_id, subject, next_at)
    SELECT webhooks.id, ${bigint(written.id)}, CAST(${subject} AS text), ${bigint(nowMs)} ${wanting}`.execute(
    tx,
  );
}

function homeOf(event: NewEvent) {
  return "namespace" in event
    ? { namespace: event.namespace, repository: null }
    : { namespace: namespaceOf(event.repository), repository: event.repository };
}

function subjectOf(event: NewEvent) {
  const {
    tag = null,
    digest = null,
    manifestId = null,
    previousManifestId = null,
  } = {
    ...("repository" in event ? event : {}),
  } as Partial<OfRepository>;
  return { tag, digest, manifestId, previousManifestId };
}

/** What the deliveries of an event are in order with: the tag, otherwise the manifest, the repository or the namespace. */
function lineOf(event: {
  readonly namespace: string;
  readonly repository: RepositoryName | null;
  readonly tag: Tag | null;
  readonly digest: Digest | null;
}): string {
  const { namespace, repository, tag, digest } = event;
  if (repository === null) return namespace;
  if (tag !== null) return `${repository}:${tag}`;
  return digest === null ? repository : `${repository}@${digest}`;
}

/** FROM and WHERE: the webhooks that want the event. Docker Hub's payload cannot tell of an image without a tag. */
const wantingWebhooks = (event: {
  readonly type: WantedEvent;
  readonly namespace: string;
  readonly repository: RepositoryName | null;
  readonly tag: Tag | null;
}) => sql`
  FROM webhooks JOIN webhook_events ON webhook_events.webhook_id = webhooks.id
  WHERE webhooks.scope IN ('', ${event.namespace}, ${event.repository ?? ""})
    AND webhooks.is_active = 1 AND webhook_events.type = ${event.type}
    ${event.tag === null ? sql`AND webhooks.format <> 'hub'` : sql``}`;

/**
 * Ends the webhooks of a repository or a namespace that is deleted: a later one with its name may belong to another
 * account. Their deliveries up to now are sent.
 */
export async function endWebhooks(tx: Db, scope: string, nowMs: number): Promise<void> {
  await tx
    .updateTable("webhooks")
    .set({ is_active: 0, ended_at: nowMs })
    .where("scope", "=", scope)
    .where("ended_at", "is", null)
    .execute();
}
