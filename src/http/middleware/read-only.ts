import { isPrintableLine } from "../../observability/printable.ts";
import { OciError } from "../../oci/errors.ts";
import type { ReadOnlyMode } from "../../database/maintenance/read-only-mode.ts";
import type { ReadOnly } from "../../maintenance/read-only.ts";
import { HubError } from "../hub/errors.ts";
import { isHubRoute, type Route } from "../route.ts";
import { unavailableOnDatabaseError } from "./unavailable.ts";

/** When a client may try again. A person decides when the mode ends. */
const retryAfterSeconds = 60;

/** Throws 503 in read-only mode, if the route changes a repository. */
export async function demandWritable(
  route: Route,
  readOnly: Pick<ReadOnly, "current">,
): Promise<void> {
  if (!route.changesContent) return;
  const mode = await unavailableOnDatabaseError(() => readOnly.current());
  if (mode === undefined) return;
  const message = readOnlyMessage(mode);
  const headers = { "Retry-After": String(retryAfterSeconds) };
  if (isHubRoute(route)) throw new HubError(503, message, { headers });
  throw new OciError("UNAVAILABLE", message, { headers, reasonPhrase: reasonPhraseOf(message) });
}

const readOnlyMessage = ({ reason }: ReadOnlyMode): string =>
  reason === ""
    ? "the registry is read-only at the moment: pulls work, pushes and deletions do not"
    : `the registry is read-only at the moment: ${reason}`;

/**
 * docker does not read the body of a 5xx. It shows the status line, so the sentence is there too. A status line has ASCII
 * characters only.
 */
const reasonPhraseOf = (message: string): string =>
  isPrintableLine(message)
    ? `Service Unavailable (${message.replaceAll(/[^ -~]/g, "?")})`
    : "Service Unavailable";
