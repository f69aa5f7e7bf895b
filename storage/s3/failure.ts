/** A request that S3 rejected, or that failed after all retries. `code` is `S3_` and the error name of S3. */
export class S3Failure extends Error {
  override readonly name = "S3Failure";
  readonly code: string;
  /** The status of the last response; `undefined` if there was none. */
  readonly status: number | undefined;

  constructor(what: string, name: string, message: string, status?: number, cause?: unknown) {
    super(`${what}: ${name}${status === undefined ? "" : ` (${status})`}: ${message}`, { cause });
    this.code = `S3_${name}`;
    this.status = status;
  }
}

/** The upload has more bytes than 10,000 parts can hold. */
export class UploadTooLargeError extends Error {
  override readonly name = "UploadTooLargeError";
  readonly code = "UPLOAD_TOO_LARGE";

  constructor(largestBytes: number) {
    super(
      `S3 joins 10,000 parts at most, ${largestBytes} bytes here: a larger storage.s3.partSize is needed`,
    );
  }
}

/** Another process has changed the upload since this process cached its state. */
export class UploadChangedError extends Error {
  override readonly name = "UploadChangedError";
  readonly code = "S3_UPLOAD_CHANGED";

  constructor(upload: string) {
    super(`upload ${upload} is not as this process left it`);
  }
}

/** Converts an error of the SDK into an error of this driver. */
export function failureOf(what: string, error: unknown): S3Failure {
  if (!(error instanceof Error)) return new S3Failure(what, "Unknown", String(error));
  const { $metadata: metadata } = error as { readonly $metadata?: { httpStatusCode?: number } };
  const { code } = error as { readonly code?: unknown };
  const name = error.name === "Error" && typeof code === "string" ? code : error.name;
  return new S3Failure(what, name, error.message, metadata?.httpStatusCode, error);
}

/** Whether S3 reports a missing object or multipart upload, which is not a failure. */
export function isNotFound(failure: S3Failure): boolean {
  return failure.status === 404 && failure.code !== "S3_NoSuchBucket";
}
