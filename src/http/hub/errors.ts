import { AccountError } from "../../accounts/errors.ts";
import { NotAuthorizedError } from "../../auth/policy.ts";
import { OciError } from "../../oci/errors.ts";

/** A rejection by the Hub-shaped API. */
export class HubError extends OciError {
  /** What is wrong with single fields of a request. */
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

/** The same to the letter for what is missing and what is hidden. */
export const notFound = (): HubError => new HubError(404, "object not found");
export const needsLogin = (message: string): HubError =>
  new HubError(401, message, { headers: { "WWW-Authenticate": 'Bearer realm="berth-hub"' } });
export const forbidden = (message = "you may not do this"): HubError => new HubError(403, message);

const statuses = { invalid: 400, unknown: 404, exists: 409, conflict: 400 } as const;

/** What the domain throws, in the words of this API. */
export function hubErrorOf(error: unknown): unknown {
  if (error instanceof AccountError) return new HubError(statuses[error.kind], error.message);
  if (error instanceof OciError && error.code === "TOOMANYREQUESTS") {
    const seconds = Number(error.headers?.["Retry-After"] ?? 1);
    // Older clients want the moment, newer ones the seconds.
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
  // Who is told which tag is missing may see the repository.
  if (error instanceof OciError && error.code === "MANIFEST_UNKNOWN")
    return new HubError(404, error.message);
  return error;
}

/**
 * One body with what each of the shapes has that Docker Hub answers with: `detail`, `message`, `errinfo`, and for a
 * request that makes no sense `fields` and `text`.
 */
export function renderHubError(error: OciError): object {
  const { message } = error;
  const body = { message, detail: message, errinfo: {} };
  if (error.status === 429) return { ...body, error: false };
  if (error.status !== 400) return body;
  const fields = error instanceof HubError ? (error.fields ?? {}) : {};
  return { ...body, fields, text: message };
}
