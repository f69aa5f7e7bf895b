import type { Policy } from "../../auth/policy.ts";
import type { BlobFacts } from "../../database/facts.ts";
import type { LiveMirrors } from "../../mirror/live-mirrors.ts";
import type { Digest } from "../../oci/digest.ts";
import { OCTET_STREAM } from "../../oci/media-types.ts";
import { absentBlob, type Blobs } from "../../registry/blobs.ts";
import { versionHeader } from "../errors.ts";
import { blobHeaders, blobPath } from "../registry/blobs.ts";
import { nosniff } from "./csrf.ts";
import {
  createRecorder,
  withRequestId,
  type FastExchange,
  type RecorderParts,
} from "./fast-path-recorder.ts";

const pull = { kind: "repository", actions: ["pull"] } as const;
const push = { kind: "repository", actions: ["push"] } as const;

export interface BlobAnswerParts extends RecorderParts {
  readonly blobs: Blobs;
  readonly policy: Policy;
  readonly mirrors: Pick<LiveMirrors, "current">;
}

/** Makes the function that answers a blob, or returns false without an answer. A push asks for each blob before it. */
export function createBlobAnswer(parts: BlobAnswerParts) {
  const { blobs, policy, mirrors } = parts;
  const recorder = createRecorder(parts, blobPath);
  return (exchange: FastExchange, digest: Digest, { repository, blob }: BlobFacts): boolean => {
    const { request, response, grant } = exchange;
    const isHead = request.method === "HEAD";
    if (mirrors.current?.mayServe(repository)) return false;
    if (!policy.allows({ grant, permission: pull, repository })) return false;
    if (blob === undefined) return recorder.refuse(exchange, absentBlob(repository, digest));
    const asksForLease = isHead && policy.allows({ grant, permission: push, repository });
    if (asksForLease && !blobs.hasFreshLease(blob)) return false;
    const content = isHead ? undefined : blobs.recent(blob);
    if (!isHead && content === undefined) return false;

    const requestId = recorder.idOf(request);
    const headers = {
      [nosniff]: "nosniff",
      [versionHeader]: "registry/2.0",
      ...blobHeaders(digest, policy.isPublic(repository)),
      "Content-Type": OCTET_STREAM,
      "Content-Length": blob.sizeBytes,
    };
    response.writeHead(200, withRequestId(headers, requestId));
    response.end(content);
    const sentBytes = blob.sizeBytes;
    recorder.record(exchange, { requestId, sentBytes, repository: repository.name });
    return true;
  };
}
