/**
 * Small texts with names, beside the blobs of a store: the points of a backup. A document is written whole: a reader sees
 * the earlier or the new text. A missing document is `undefined` or a no-op.
 */
export interface DocumentStore {
  /** The names, unordered. */
  list(): Promise<readonly string[]>;
  read(name: string): Promise<string | undefined>;
  /** Durable when it resolves. */
  write(name: string, text: string): Promise<void>;
  remove(name: string): Promise<void>;
}

const nameGrammar = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;

export const isDocumentName = (name: string): boolean => nameGrammar.test(name);

/** Returns the name. Throws TypeError if it does not have the form of a name: no other path or object is reachable. */
export function checkedDocumentName(name: string): string {
  if (!isDocumentName(name)) throw new TypeError(`not the name of a document: ${name}`);
  return name;
}
