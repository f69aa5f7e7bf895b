import { OciError, renderErrors } from "../../oci/errors.ts";

/** A failure of the token endpoint: the registry's form for docker and its kin, RFC 6749's for OAuth clients. */
class TokenError extends OciError {
  /** RFC 6749, 5.2 */
  readonly oauth: string;

  constructor(oauth: string, ...rest: ConstructorParameters<typeof OciError>) {
    super(...rest);
    this.oauth = oauth;
  }
}

/** A request that makes no sense, or not here. */
export const badRequest = (oauth: string, message: string, status = 400): OciError =>
  new TokenError(oauth, "UNSUPPORTED", message, { status });

/** What was shown in place of credentials is not good (any more). */
export const invalidGrant = (message: string): OciError =>
  new TokenError("invalid_grant", "UNAUTHORIZED", message, { status: 400 });

/** The same for an unknown name, a wrong password and a disabled account. */
export const wrongCredentials = (): OciError =>
  new TokenError("invalid_grant", "UNAUTHORIZED", "incorrect username or password", {
    headers: { "WWW-Authenticate": 'Basic realm="berth"' },
  });

/** Every form that clients of a token endpoint look for, in one body. */
export function renderTokenError(error: OciError): object {
  const oauth = error instanceof TokenError ? error.oauth : "temporarily_unavailable";
  return {
    ...renderErrors(error),
    details: error.message,
    error: oauth,
    error_description: error.message,
  };
}
