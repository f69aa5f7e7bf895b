import { OciError } from "../../oci/errors.ts";
import { describeFailure } from "../../registry/errors.ts";

/**
 * Runs a lookup of a principal or of its permissions. A failed lookup is neither a wrong password nor a missing
 * permission: OciErrors and known failures of the storage are rethrown, every other failure becomes UNAVAILABLE (503),
 * and the client can retry.
 */
export async function unavailableOnDatabaseError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OciError || describeFailure(error) !== undefined) throw error;
    throw new OciError(
      "UNAVAILABLE",
      "the registry cannot read its database at the moment: try again later",
      {
        cause: error,
      },
    );
  }
}
