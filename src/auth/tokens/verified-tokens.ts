import type { Grant } from "../principal.ts";

/** Cache of tokens with a verified signature, until they expire. */
export interface VerifiedTokens {
  find(token: string): Grant | undefined;
  keep(token: string, grant: Grant, expiresAtMs: number): void;
}

const tokensAtMost = 20_000;
const charactersAtMost = 32 * 1024 * 1024;

/**
 * Bounded to 20,000 tokens and 32 Mi characters; the oldest is dropped first. A change of `edition` clears the cache,
 * since a key may have been removed.
 */
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
