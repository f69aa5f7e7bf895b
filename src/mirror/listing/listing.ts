import type { Visibility } from "../../database/registry/schema.ts";
import { isDigest, type Digest } from "../../oci/digest.ts";
import { isJsonObject } from "../../oci/json.ts";

/** What another registry tells of its repositories. Nothing of it is trusted. All methods throw UpstreamFailure. */
export interface RegistryListing {
  /** The repositories of these namespaces; an empty list: all. */
  repositories(namespaces: readonly string[]): AsyncIterable<ListedRepository>;
  repository(name: string): Promise<ListedRepository>;
  /** The members of the namespaces that were listed, as far as the login may see them. */
  readonly members: readonly ListedMember[];
}

export interface ListedRepository {
  readonly name: string;
  readonly visibility?: Visibility | undefined;
  readonly description?: string | undefined;
  /** Markdown. */
  readonly readme?: string | undefined;
  images(): AsyncIterable<ListedImage>;
}

export interface ListedImage {
  /** `undefined`: an image without a tag. */
  readonly tag?: string;
  /** `undefined`: the registry must be asked for it. */
  readonly digest?: Digest | undefined;
  readonly pushedAtMs?: number | undefined;
  /** The tag follows from a rule, and need not exist. */
  readonly mayBeAbsent?: true;
}

export interface ListedMember {
  readonly namespace: string;
  readonly kind: "user" | "group";
  readonly name: string;
  readonly role: string;
}

/** A JSON object of an answer. */
export type Fields = Readonly<Record<string, unknown>>;

export const textIn = (fields: Fields, key: string): string | undefined => {
  const value = fields[key];
  return typeof value === "string" ? value : undefined;
};

export const digestIn = (fields: Fields, key: string): Digest | undefined => {
  const text = textIn(fields, key);
  return text !== undefined && isDigest(text) ? text : undefined;
};

export const timeIn = (fields: Fields, key: string): number | undefined => {
  const timeMs = Date.parse(textIn(fields, key) ?? "");
  return Number.isNaN(timeMs) ? undefined : timeMs;
};

/** The objects in a list. */
export const objectsIn = (fields: Fields, key: string): readonly Fields[] => {
  const value = fields[key];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
};
