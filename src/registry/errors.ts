import { DatabaseError, type DatabaseFailure } from "../database/errors.ts";
import type { Rejection } from "../database/rejections.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";

/** NAME_UNKNOWN: there is no such repository. */
export function unknownName(repository: RepositoryName): OciError {
  return new OciError("NAME_UNKNOWN", undefined, { detail: { name: repository } });
}

/** DIGEST_INVALID: the bytes of `what` do not have the digest that the client declared. */
export function wrongDigest(what: string, expected: Digest, found: Digest): OciError {
  return new OciError("DIGEST_INVALID", `the digest of the ${what} is ${found}, not ${expected}`, {
    detail: { expected, found },
  });
}

/** The client error for a rejected command. */
export function rejectionError(rejection: Rejection, repository: RepositoryName): OciError {
  switch (rejection.rejected) {
    case "absent":
      return new OciError(
        "NAME_UNKNOWN",
        "there is no such repository, and pushes create none: create it first",
        {
          detail: { name: repository },
        },
      );
    case "forbidden":
      return new OciError("DENIED", "you may not create a repository in this namespace", {
        detail: { name: repository },
      });
    case "immutable":
      return new OciError(
        "DENIED",
        `the tag ${rejection.tag} is immutable: it cannot be moved or deleted`,
        {
          detail: { name: repository, tag: rejection.tag },
        },
      );
    case "quota": {
      const { what, namespace, limitBytes, usedBytes, addedBytes } = rejection;
      const needs = what === "upload" ? "needs" : "has";
      return new OciError(
        "DENIED",
        `the quota of ${namespace} is ${limitBytes} bytes: ${usedBytes} are used, and this ${what} ${needs} ${addedBytes}`,
        { detail: { namespace, limitBytes, usedBytes, addedBytes } },
      );
    }
  }
}

const fullCodes = new Set([
  "ENOSPC",
  "EDQUOT",
  "EFBIG",
  // Error codes of S3 servers, which differ between servers.
  "S3_QuotaExceeded",
  "S3_InsufficientStorage",
  "S3_XMinioStorageFull",
]);
const readOnlyCodes = new Set(["EROFS"]);
/** The data folder is missing, its permissions have changed, or the disk fails. */
const unreachableCodes = new Set([
  "EIO",
  "EBUSY",
  "ENOTCONN",
  "EMFILE",
  "ENFILE",
  "EACCES",
  "EPERM",
  "ENOENT",
  "ENOTDIR",
]);

/** When a client may try again: a failover of the database takes some seconds. */
const retryAfter = { "Retry-After": "5" };

/**
 * The client error for a failure of the store or the database; `undefined` for an unexpected error, which is a bug.
 * Status 507 tells the client that waiting alone does not help; 503 tells it that a retry may succeed.
 */
export function describeFailure(error: unknown): OciError | undefined {
  const describe = (text: string, status = 503): OciError =>
    new OciError("UNAVAILABLE", text, {
      cause: error,
      status,
      ...(status === 503 && { headers: retryAfter }),
    });
  switch (error instanceof DatabaseError ? error.failure : storeFailureOf(error)) {
    case "full":
      return describe("the registry has no space left", 507);
    case "read-only":
      return describe("the registry is read-only at the moment: only pulls work");
    case "busy":
    case "gone":
    case "unknown":
      return describe("the registry cannot reach its storage at the moment: try again later");
    case "too large":
      return new OciError("SIZE_INVALID", "the blob is larger than the storage accepts", {
        cause: error,
        status: 413,
      });
    // A fault of the program, or a damaged database: status 500, and a log entry with the stack.
    case "conflict":
    case "damaged":
    case "other":
      return undefined;
  }
}

/** The class of failure of the blob store, by the code of its error. */
function storeFailureOf(error: unknown): DatabaseFailure | "too large" {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (fullCodes.has(code)) return "full";
  if (readOnlyCodes.has(code)) return "read-only";
  if (code === "UPLOAD_TOO_LARGE") return "too large";
  return unreachableCodes.has(code) || code.startsWith("S3_") ? "gone" : "other";
}
