import { AccountError } from "../../accounts/errors.ts";
import { WebhookError } from "../../events/errors.ts";
import { MirrorError } from "../../mirror/errors.ts";
import { NotAuthorizedError } from "../../auth/policy.ts";
import { errorTable, OciError } from "../../oci/errors.ts";

/** A rejection by the Hub-shaped API. */
export class HubError extends OciError {
  /** Error messages by field of the request. */
  readonly fields: Readonly<Record<string, readonly string[]>> | undefined;

  constructor(
    status: number,
    message: string,
    options: {
      readonly fields?: Readonly<Record<string, readonly string[]>>;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super("UNSUPPORTED", message, {
      status,
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    this.fields = options.fields;
  }
}

/** The response is identical for a missing and for a hidden object. */
export const notFound = (): HubError => new HubError(404, "object not found");
export const needsLogin = (message: string): HubError =>
  new HubError(401, message, { headers: { "WWW-Authenticate": 'Bearer realm="berth-hub"' } });
export const forbidden = (message = "you do not have permission to do this"): HubError =>
  new HubError(403, message);

const statuses = { invalid: 400, unknown: 404, exists: 409, conflict: 400 } as const;

const mirrorStatuses = { invalid: 400, unknown: 404, conflict: 409 } as const;

/** Converts errors of the domain into HubErrors; returns other errors unchanged. */
export function hubErrorOf(error: unknown): unknown {
  if (error instanceof AccountError || error instanceof WebhookError)
    return new HubError(statuses[error.kind], error.message);
  if (error instanceof MirrorError) return new HubError(mirrorStatuses[error.kind], error.message);
  if (error instanceof OciError && error.code === "TOOMANYREQUESTS") {
    const seconds = Number(error.headers?.["Retry-After"] ?? 1);
    // Older clients read the Unix time (X-Retry-After), newer clients read the seconds (Retry-After).
    const headers = {
      "Retry-After": String(seconds),
      "X-Retry-After": String(Math.ceil(Date.now() / 1000) + seconds),
    };
    return new HubError(429, error.message, { headers });
  }
  if (error instanceof NotAuthorizedError) {
    if (error.decision === "login") return needsLogin(error.message);
    return error.decision === "unknown" ? notFound() : forbidden(error.message);
  }
  if (error instanceof OciError && error.code === "DENIED") return forbidden(error.message);
  if (error instanceof OciError && error.code === "NAME_UNKNOWN") return notFound();
  // The message names the missing tag: the caller has already been allowed to see the repository.
  if (error instanceof OciError && error.code === "MANIFEST_UNKNOWN")
    return new HubError(404, missingManifest(error));
  return error;
}

/** OCI clients search for the default message, which names nothing; people read this one. */
function missingManifest({ message, detail }: OciError): string {
  if (message !== errorTable.MANIFEST_UNKNOWN.message) return message;
  const { tag, digest } = (detail ?? {}) as { readonly tag?: string; readonly digest?: string };
  if (tag !== undefined) return `there is no tag ${tag} in this repository`;
  return digest === undefined ? message : `there is no manifest ${digest} in this repository`;
}

/**
 * Renders one body for all of Docker Hub's error formats: `detail`, `message` and `errinfo`, for a 400 also `fields`
 * and `text`.
 */
export function renderHubError(error: OciError): object {
  const { message } = error;
  const body = { message, detail: message, errinfo: {} };
  if (error.status === 429) return { ...body, error: false };
  if (error.status !== 400) return body;
  const fields = error instanceof HubError ? (error.fields ?? {}) : {};
  return { ...body, fields, text: message };
}
