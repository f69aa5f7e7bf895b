import type { KeyPath } from "./keys.ts";

/** Parsed YAML by name, before it is checked. */
export interface Tree {
  [name: string]: unknown;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at a path through trees and lists, or `undefined`. */
export function valueAt(tree: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at)) return typeof step === "number" ? at[step] : undefined;
    return isTree(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }, tree);
}

/** Sets a value in place and creates the missing groups on its path. */
export function setAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path;
  if (name === undefined) throw new TypeError("a path has at least one step");
  if (rest.length === 0) {
    tree[name] = value;
    return;
  }
  const inner = isTree(tree[name]) ? tree[name] : {};
  tree[name] = inner;
  setAt(inner, rest, value);
}

/** A copy without the value at the path. */
export function without(tree: Tree, path: readonly string[]): Tree {
  const [name, ...rest] = path;
  if (name === undefined || !Object.hasOwn(tree, name)) return tree;
  const { [name]: inner, ...others } = tree;
  return rest.length === 0 || !isTree(inner) ? others : { ...others, [name]: without(inner, rest) };
}
