import type { Policy } from "../../auth/policy.ts";
import { nameOf } from "../../auth/principal.ts";
import type { PullCounters } from "../../catalog/pull-counters.ts";
import type { ManifestFacts } from "../../database/facts.ts";
import type { PullEvents } from "../../events/pulls.ts";
import type { LiveMirrors } from "../../mirror/live-mirrors.ts";
import type { Reference } from "../../oci/reference.ts";
import { unknownManifest, type Manifests } from "../../registry/manifests.ts";
import { versionHeader } from "../errors.ts";
import { manifestHeaders, manifestPath } from "../registry/manifests.ts";
import { nosniff } from "./csrf.ts";
import {
  createRecorder,
  withRequestId,
  type FastExchange,
  type RecorderParts,
} from "./fast-path-recorder.ts";

const pull = { kind: "repository", actions: ["pull"] } as const;
const push = { kind: "repository", actions: ["push"] } as const;

export interface ManifestAnswerParts extends RecorderParts {
  readonly manifests: Manifests;
  readonly policy: Policy;
  readonly pullCounters: PullCounters;
  readonly pullEvents: PullEvents;
  readonly mirrors: Pick<LiveMirrors, "current">;
}

/** Makes the function that answers a manifest, or returns false without an answer. */
export function createManifestAnswer(parts: ManifestAnswerParts) {
  const { manifests, policy, pullCounters, pullEvents, mirrors, clientInfo } = parts;
  const recorder = createRecorder(parts, manifestPath);
  return (
    exchange: FastExchange,
    reference: Reference,
    { repository, manifest: found }: ManifestFacts,
  ): boolean => {
    const { request, response, grant } = exchange;
    const { method } = request;
    // A mirrored manifest may need a request to the upstream.
    if (mirrors.current?.mayServe(repository)) return false;
    if (!policy.allows({ grant, permission: pull, repository })) return false;
    if (found === undefined) return recorder.refuse(exchange, unknownManifest(reference));
    const asksForLease =
      method === "HEAD" && policy.allows({ grant, permission: push, repository });
    if (asksForLease && !manifests.hasFreshLease(found)) return false;

    const requestId = recorder.idOf(request);
    const sentBytes = found.content.length;
    // Two spreads in one literal cost V8 15 µs a request here.
    const headers = {
      [nosniff]: "nosniff",
      [versionHeader]: "registry/2.0",
      ...manifestHeaders(found),
      "Content-Length": sentBytes,
    };
    response.writeHead(200, withRequestId(headers, requestId));
    response.end(method === "HEAD" ? undefined : found.content);
    recorder.record(exchange, { requestId, sentBytes, repository: repository.name });
    if (method === "GET") pullCounters.record(repository, reference);
    if (method === "GET" && pullEvents.wants(repository.name))
      pullEvents.record({
        ...{ repository: repository.name, reference, digest: found.digest },
        ...{ actor: nameOf(grant), peer: clientInfo.peerOf(request) },
      });
    return true;
  };
}
