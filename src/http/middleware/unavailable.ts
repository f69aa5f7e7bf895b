import { OciError } from "../../oci/errors.ts";
import { describeFailure } from "../../registry/failures.ts";

/**
 * Looks somebody up, or what they may do. Whatever keeps us from that is 503: it is not a wrong password, and no
 * missing right either, and the client may try again.
 */
export async function unavailableOnDatabaseError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OciError || describeFailure(error) !== undefined) throw error;
    throw new OciError("UNAVAILABLE", "accounts can't be looked up at the moment", {
      cause: error,
    });
  }
}
