import { decode } from "../../auth/tokens/forged-tokens.ts";

/** An answer of the token endpoint. */
export interface TokenBody {
  readonly token: string;
  readonly access_token: string;
  readonly scope?: string;
}

/** The access that a token grants, as `type:name:actions`. */
export const accessIn = ({ token }: TokenBody): readonly string[] =>
  (decode(token, 1)["access"] as { type: string; name: string; actions: string[] }[]).map(
    ({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`,
  );
