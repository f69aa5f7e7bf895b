import { OciError, renderErrors } from "../../oci/errors.ts";

/**
 * An error of the token endpoint, in the registry's form for Docker clients and in the form of RFC 6749 for OAuth
 * clients.
 */
class TokenError extends OciError {
  /** The `error` code of RFC 6749, 5.2. */
  readonly oauth: string;

  constructor(oauth: string, ...rest: ConstructorParameters<typeof OciError>) {
    super(...rest);
    this.oauth = oauth;
  }
}

/** A malformed or unsupported request. */
export const badRequest = (oauth: string, message: string, status = 400): OciError =>
  new TokenError(oauth, "UNSUPPORTED", message, { status });

/** The presented credentials are invalid or no longer valid. */
export const invalidGrant = (message: string): OciError =>
  new TokenError("invalid_grant", "UNAUTHORIZED", message, { status: 400 });

/** The error is identical for an unknown name, a wrong password and a disabled account. */
export const wrongCredentials = (): OciError =>
  new TokenError("invalid_grant", "UNAUTHORIZED", "incorrect username or password", {
    headers: { "WWW-Authenticate": 'Basic realm="berth"' },
  });

/** All error forms that clients of a token endpoint read, in one body. */
export function renderTokenError(error: OciError): object {
  const oauth = error instanceof TokenError ? error.oauth : "temporarily_unavailable";
  return {
    ...renderErrors(error),
    details: error.message,
    error: oauth,
    error_description: error.message,
  };
}
