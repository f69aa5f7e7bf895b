import type { StoredEvent } from "../database/events/deliveries.ts";
import {
  eventTypes,
  type EventType,
  type PayloadFormat,
  type WantedEvent,
} from "../api/event-types.ts";

/*
 * The bodies of deliveries. `hub` is the webhook of Docker Hub, `distribution` the notification envelope of the CNCF
 * registry, and `cloudevents` a CloudEvent 1.0 in structured mode, which alone can tell of everything.
 */

export interface Payload {
  readonly contentType: string;
  readonly body: string;
}

/** What payloads tell of the server. */
export interface Teller {
  /** The URL of the server, without a slash at its end. */
  readonly url: string;
  readonly version: string;
}

/** The events that a format can tell of. */
export const eventsOfFormats: Readonly<Record<PayloadFormat, readonly WantedEvent[]>> = {
  hub: ["push"],
  distribution: ["push", "pull", "tag.deleted", "repository.deleted"],
  cloudevents: eventTypes,
};

/** Events that a webhook gets only if it asks for them: a registry has many pulls. */
const notByDefault: ReadonlySet<WantedEvent> = new Set(["pull"]);

export const defaultEvents = (format: PayloadFormat): readonly WantedEvent[] =>
  eventsOfFormats[format].filter((type) => !notByDefault.has(type));

export function renderPayload(format: PayloadFormat, event: StoredEvent, teller: Teller): Payload {
  // Only CloudEvents have a form for it; a receiver of another format must accept any JSON object.
  if (event.type === "ping" && format !== "cloudevents")
    return { contentType: "application/json", body: JSON.stringify({ ping: true }) };
  switch (format) {
    case "hub":
      return { contentType: "application/json", body: JSON.stringify(hubPayload(event, teller)) };
    case "distribution":
      return {
        // As registry:2 sends it. registry:3 names the same envelope v2.
        contentType: "application/vnd.docker.distribution.events.v1+json",
        body: JSON.stringify({ events: [distributionEvent(event, teller)] }),
      };
    case "cloudevents":
      return {
        contentType: "application/cloudevents+json; charset=utf-8",
        body: JSON.stringify(cloudEvent(event, teller)),
      };
  }
}

/** https://docs.docker.com/docker-hub/repos/manage/webhooks/#example-webhook-payload */
function hubPayload(event: StoredEvent, { url }: Teller): object {
  const repository = event.repository ?? "";
  const seconds = (ms: number): number => Math.trunc(ms / 1000);
  return {
    callback_url: `${url}/r/${repository}`,
    push_data: { pushed_at: seconds(event.atMs), pusher: event.actor, tag: event.tag, images: [] },
    repository: {
      comment_count: 0,
      date_created: seconds(event.repositoryCreatedAtMs ?? event.atMs),
      description: "",
      dockerfile: "",
      full_description: "",
      is_official: event.namespace === "library",
      is_private: event.visibility !== "public",
      is_trusted: false,
      name: repository.slice(event.namespace.length + 1),
      namespace: event.namespace,
      owner: event.namespace,
      repo_name: repository,
      repo_url: `${url}/r/${repository}`,
      star_count: 0,
      status: "Active",
    },
  };
}

const distributionActions = new Map<EventType, string>([
  ["push", "push"],
  ["pull", "pull"],
  ["tag.deleted", "delete"],
  ["repository.deleted", "delete"],
]);

/** https://distribution.github.io/distribution/about/notifications/#events */
function distributionEvent(event: StoredEvent, { url, version }: Teller): object {
  const { repository, tag, mediaType, sizeBytes } = event;
  const digest = event.digest ?? event.previousDigest;
  const { host } = new URL(url);
  const reference = digest ?? tag;
  return {
    id: idOf(event),
    timestamp: new Date(event.atMs).toISOString(),
    action: distributionActions.get(event.type) ?? event.type,
    target: {
      ...(mediaType === null ? {} : { mediaType }),
      ...(sizeBytes === null ? {} : { size: sizeBytes, length: sizeBytes }),
      // A deletion of a tag has the tag alone, as that of distribution.
      ...(digest === null || event.type === "tag.deleted" ? {} : { digest }),
      repository,
      ...(reference === null || event.type === "tag.deleted"
        ? {}
        : { url: `${url}/v2/${repository}/manifests/${reference}` }),
      ...(tag === null ? {} : { tag }),
    },
    request: { id: idOf(event), addr: event.peer, host, method: methodOf(event), useragent: "" },
    actor: { name: event.actor },
    source: { addr: host, instanceID: `berth ${version}` },
  };
}

const methodOf = ({ type }: StoredEvent): string =>
  type === "push" ? "PUT" : type === "pull" ? "GET" : "DELETE";

/** https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md */
function cloudEvent(event: StoredEvent, { url }: Teller): object {
  const { repository, namespace, tag, digest, previousDigest, mediaType, sizeBytes } = event;
  return {
    specversion: "1.0",
    id: idOf(event),
    source: url,
    type: `berth.${event.type}`,
    subject: subjectOfEvent(event),
    time: new Date(event.atMs).toISOString(),
    datacontenttype: "application/json",
    data: {
      namespace,
      ...definedOf({ repository, tag, digest, previous_digest: previousDigest }),
      ...definedOf({ media_type: mediaType, size: sizeBytes, visibility: event.visibility }),
      actor: event.actor,
      ...event.data,
    },
  };
}

/** A tag, a manifest, a repository or a namespace. */
export function subjectOfEvent({ namespace, repository, tag, digest }: StoredEvent): string {
  if (repository === null) return namespace;
  if (tag !== null) return `${repository}:${tag}`;
  return digest === null ? repository : `${repository}@${digest}`;
}

const definedOf = (fields: Readonly<Record<string, string | number | null>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));

/** The same for each attempt, and for each webhook: receivers recognise what they have seen. */
const idOf = ({ id }: StoredEvent): string => String(id);
