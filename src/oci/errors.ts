/** The codes of the specification (code-1 … code-14), and legacy codes that clients still know. */
export type OciErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "MANIFEST_UNVERIFIED"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "PAGINATION_NUMBER_INVALID"
  | "RANGE_INVALID"
  | "SIZE_INVALID"
  | "TAG_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  | "UNAVAILABLE"
  | "UNKNOWN";

/**
 * HTTP status and default message of each code. The messages are those of the distribution-spec ("Error Codes") and,
 * for MANIFEST_UNKNOWN, of distribution, because programs search for these texts.
 */
export const errorTable: Readonly<
  Record<OciErrorCode, { readonly status: number; readonly message: string }>
> = {
  BLOB_UNKNOWN: { status: 404, message: "blob unknown to registry" },
  BLOB_UPLOAD_INVALID: { status: 404, message: "blob upload invalid" },
  BLOB_UPLOAD_UNKNOWN: { status: 404, message: "blob upload unknown to registry" },
  DIGEST_INVALID: { status: 400, message: "provided digest did not match uploaded content" },
  MANIFEST_BLOB_UNKNOWN: {
    status: 400,
    message: "manifest references a manifest or blob unknown to registry",
  },
  MANIFEST_INVALID: { status: 400, message: "manifest invalid" },
  MANIFEST_UNKNOWN: { status: 404, message: "manifest unknown" },
  MANIFEST_UNVERIFIED: { status: 400, message: "manifest failed verification" },
  NAME_INVALID: { status: 400, message: "invalid repository name" },
  NAME_UNKNOWN: { status: 404, message: "repository name not known to registry" },
  PAGINATION_NUMBER_INVALID: { status: 400, message: "invalid number of results requested" },
  RANGE_INVALID: { status: 416, message: "invalid content range" },
  SIZE_INVALID: { status: 400, message: "provided length did not match content length" },
  TAG_INVALID: { status: 400, message: "invalid tag" },
  UNAUTHORIZED: { status: 401, message: "authentication required" },
  DENIED: { status: 403, message: "requested access to the resource is denied" },
  UNSUPPORTED: { status: 405, message: "the operation is unsupported" },
  TOOMANYREQUESTS: { status: 429, message: "too many requests" },
  UNAVAILABLE: { status: 503, message: "service unavailable" },
  UNKNOWN: { status: 500, message: "unknown error" },
};

/** One entry of the `errors` array of a response body. */
export interface OciErrorEntry {
  readonly code: OciErrorCode;
  readonly message: string;
  readonly detail?: unknown;
}

export interface OciErrorOptions {
  /** The client gets it as JSON: it must contain no secrets. */
  readonly detail?: unknown;
  /** Overrides the status of the table: 413 for a manifest that is too large, 507 for a full disk. */
  readonly status?: number;
  /** Response headers of the error, such as `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The text after the status in the status line; `undefined`: the usual one. */
  readonly reasonPhrase?: string;
  readonly cause?: unknown;
  /** Further entries of the same response, after this one. */
  readonly others?: readonly OciErrorEntry[];
}

/** An error response for the client: code, HTTP status and one or more entries. */
export class OciError extends Error {
  override readonly name = "OciError";
  readonly code: OciErrorCode;
  readonly status: number;
  readonly detail?: unknown;
  readonly errors: readonly OciErrorEntry[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly reasonPhrase?: string;

  constructor(code: OciErrorCode, message?: string, options: OciErrorOptions = {}) {
    const text = message ?? errorTable[code].message;
    super(text, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.status = options.status ?? errorTable[code].status;
    this.detail = options.detail;
    this.errors = [entryOf(code, text, options.detail), ...(options.others ?? [])];
    if (options.headers !== undefined) this.headers = options.headers;
    if (options.reasonPhrase !== undefined) this.reasonPhrase = options.reasonPhrase;
  }

  /**
   * One error with an entry per item, for example per missing descriptor. Code, status and message
   * are those of the first item. Throws TypeError for an empty list.
   */
  static many(items: readonly OciErrorEntry[]): OciError {
    const [first, ...others] = items;
    if (first === undefined) throw new TypeError("an OciError needs at least one entry");
    return new OciError(first.code, first.message, { detail: first.detail, others });
  }
}

/** The result of `read`; undefined if it throws an OciError. */
export function orAbsent<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof OciError) return undefined;
    throw error;
  }
}

/** The response body of an error (distribution-spec, "Error Codes"). `detail` is omitted if undefined. */
export function renderErrors(error: OciError): { errors: OciErrorEntry[] } {
  return {
    errors: error.errors.map(({ code, message, detail }) => entryOf(code, message, detail)),
  };
}

function entryOf(code: OciErrorCode, message: string, detail: unknown): OciErrorEntry {
  return detail === undefined ? { code, message } : { code, message, detail };
}
