import { OciError } from "../oci/errors.ts";

const fullCodes = new Set([
  ...["ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"],
  // What servers of S3 say; no two say the same.
  ...["S3_QuotaExceeded", "S3_InsufficientStorage", "S3_XMinioStorageFull"],
]);
const readOnlyCodes = new Set(["EROFS", "SQLITE_READONLY"]);
/** The folder is gone, not ours any more, or the disk fails. */
const unreachableCodes = new Set([
  ...["EIO", "EBUSY", "ENOTCONN", "EMFILE", "ENFILE"],
  ...["EACCES", "EPERM", "ENOENT", "ENOTDIR"],
  "WRITER_GONE",
]);

const unreachableGrammar = /^(?:SQLITE_(?:BUSY|IOERR|CANTOPEN|LOCKED|PROTOCOL)|S3_)/;

/**
 * What a failure of the store or the database is to a client. `undefined`: nobody foresaw it, it is a fault of ours.
 * 507 tells a client (and its operator) that waiting alone will not help, 503 that it may.
 */
export function describeFailure(error: unknown): OciError | undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const options = { cause: error };
  if (fullCodes.has(code))
    return new OciError("UNAVAILABLE", "the registry has no space left", {
      ...options,
      status: 507,
    });
  if (readOnlyCodes.has(code))
    return new OciError("UNAVAILABLE", "the registry can only be read at the moment", options);
  if (code === "UPLOAD_TOO_LARGE")
    return new OciError("SIZE_INVALID", "the blob is larger than the storage takes", {
      ...options,
      status: 413,
    });
  if (unreachableCodes.has(code) || unreachableGrammar.test(code)) {
    return new OciError(
      "UNAVAILABLE",
      "the registry cannot reach its storage at the moment",
      options,
    );
  }
  return undefined;
}
