import type { Grant } from "../principal.ts";

/** Tokens whose signature has been verified, so that it need not be again before they expire. */
export interface VerifiedTokens {
  find(token: string): Grant | undefined;
  keep(token: string, grant: Grant, expiresAtMs: number): void;
}

const tokensAtMost = 20_000;
const charactersAtMost = 32 * 1024 * 1024;

/** Bounded, the oldest goes first; all are forgotten when `edition` changes, since a key may be gone. */
export function createVerifiedTokens(parts: {
  readonly clock: () => number;
  readonly edition: () => number;
}): VerifiedTokens {
  const held = new Map<string, { readonly grant: Grant; readonly expiresAtMs: number }>();
  let characters = 0;
  let known = parts.edition();

  const drop = (token: string): void => {
    if (held.delete(token)) characters -= token.length;
  };
  const refresh = (): void => {
    const edition = parts.edition();
    if (edition === known) return;
    known = edition;
    held.clear();
    characters = 0;
  };

  return {
    find(token) {
      refresh();
      const found = held.get(token);
      if (found === undefined) return undefined;
      if (found.expiresAtMs > parts.clock()) return found.grant;
      drop(token);
      return undefined;
    },
    keep(token, grant, expiresAtMs) {
      refresh();
      drop(token);
      held.set(token, { grant, expiresAtMs });
      characters += token.length;
      for (const oldest of held.keys()) {
        if (held.size <= tokensAtMost && characters <= charactersAtMost) break;
        drop(oldest);
      }
    },
  };
}
