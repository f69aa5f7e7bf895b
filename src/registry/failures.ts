import { OciError } from "../oci/errors.ts";

const fullCodes = new Set([
  ...["ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"],
  // Error codes of S3 servers, which differ between servers.
  ...["S3_QuotaExceeded", "S3_InsufficientStorage", "S3_XMinioStorageFull"],
]);
const readOnlyCodes = new Set(["EROFS", "SQLITE_READONLY"]);
/** The data folder is missing, its permissions have changed, or the disk fails. */
const unreachableCodes = new Set([
  ...["EIO", "EBUSY", "ENOTCONN", "EMFILE", "ENFILE"],
  ...["EACCES", "EPERM", "ENOENT", "ENOTDIR"],
  "WRITER_GONE",
]);

const unreachableGrammar = /^(?:SQLITE_(?:BUSY|IOERR|CANTOPEN|LOCKED|PROTOCOL)|S3_)/;

/**
 * The client error for a failure of the store or the database; `undefined` for an unexpected error, which is a bug.
 * Status 507 tells the client that waiting alone does not help; 503 tells it that a retry may succeed.
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
