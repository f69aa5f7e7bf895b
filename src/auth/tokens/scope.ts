import { parseRepositoryName, type RepositoryName } from "../../oci/name.ts";
import type { Action } from "../policy.ts";

/** An action that a client can request in one repository; `*` requests all actions that it may have. */
type AskedAction = Action | "*";

/** A requested scope: actions in a repository, or the list of all repositories. */
export type Scope =
  | {
      readonly type: "repository";
      /** As the client wrote it (`alpine`): a service that verifies the token compares it with the name in the path. */
      readonly name: string;
      readonly repository: RepositoryName;
      readonly actions: readonly AskedAction[];
    }
  | { readonly type: "registry"; readonly name: "catalog"; readonly actions: readonly ["*"] };

/** A request has more than 100 scopes. */
export class TooManyScopesError extends Error {
  override readonly name = "TooManyScopesError";
}

const scopesAtMost = 100;
const askedActions: ReadonlySet<string> = new Set(["pull", "push", "delete", "*"]);

/**
 * Parses scopes: one per parameter, several per parameter separated by spaces, or both. Scopes with the same name are
 * merged. Invalid and unknown scopes are ignored.
 * Throws TooManyScopesError.
 */
export function parseScopes(parameters: readonly string[]): readonly Scope[] {
  const texts = parameters.flatMap((text) => text.split(" ")).filter((text) => text !== "");
  if (texts.length > scopesAtMost)
    throw new TooManyScopesError(`a request may name at most ${scopesAtMost} scopes`);
  const merged = new Map<string, Scope>();
  for (const text of texts) {
    const scope = parseScope(text);
    if (scope === undefined) continue;
    const key = `${scope.type}:${scope.name}`;
    merged.set(key, merge(merged.get(key), scope));
  }
  return [...merged.values()];
}

/** `type[(class)]:name:action[,action]…`: the type ends at the first colon, the actions start after the last. */
function parseScope(text: string): Scope | undefined {
  const parts = /^([a-z0-9]+)(?:\([a-z0-9]*\))?:(.+):([a-z*,]*)$/.exec(text);
  const [, type, name = "", list = ""] = parts ?? [];
  const actions = list.split(",");
  if (type === "registry")
    return name === "catalog" && actions.includes("*")
      ? { type, name: "catalog", actions: ["*"] }
      : undefined;
  if (type !== "repository") return undefined;
  const known = [...new Set(actions)].filter((action): action is AskedAction =>
    askedActions.has(action),
  );
  const repository = repositoryOf(name);
  return repository === undefined || known.length === 0
    ? undefined
    : { type, name, repository, actions: known };
}

function repositoryOf(name: string): RepositoryName | undefined {
  try {
    return parseRepositoryName(name);
  } catch {
    return undefined;
  }
}

function merge(before: Scope | undefined, scope: Scope): Scope {
  if (before?.type !== "repository" || scope.type !== "repository") return scope;
  return { ...before, actions: [...new Set([...before.actions, ...scope.actions])] };
}

/** `repository:team/app:pull,push` */
export function formatScope(scope: {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}): string {
  return `${scope.type}:${scope.name}:${scope.actions.join(",")}`;
}
