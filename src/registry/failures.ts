import { OciError } from "../oci/errors.ts";

const fullCodes = new Set(["ENOSPC", "EDQUOT", "EFBIG", "SQLITE_FULL"]);
const readOnlyCodes = new Set(["EROFS", "SQLITE_READONLY"]);
/** The folder is gone, not ours any more, or the disk fails. */
const unreachableCodes = new Set([
  ...["EIO", "EBUSY", "ENOTCONN", "EMFILE", "ENFILE"],
  ...["EACCES", "EPERM", "ENOENT", "ENOTDIR"],
  "WRITER_GONE",
]);

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
  if (unreachableCodes.has(code) || /^SQLITE_(?:BUSY|IOERR|CANTOPEN|LOCKED|PROTOCOL)/.test(code)) {
    return new OciError(
      "UNAVAILABLE",
      "the registry cannot reach its storage at the moment",
      options,
    );
  }
  return undefined;
}
