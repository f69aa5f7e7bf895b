import type { Identity } from "./identity.ts";

export interface Credentials {
  readonly name: string;
  /** A password, or an access token in its place. */
  readonly secret: string;
}

export interface From {
  /** The address of the client. */
  readonly peer: string;
  readonly agent: string;
}

export interface Authenticator {
  authenticate(credentials: Credentials, from: From): Promise<Identity | undefined>;
}
