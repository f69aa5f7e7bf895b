import type { Metadata } from "../metadata/metadata.ts";
import type { Registry } from "../registry/registry.ts";
import type { Counts } from "./counts.ts";
import { createSearch, type Search } from "./search.ts";

/** What is found and shown beyond what Docker Hub has, as the wire sees it. */
export interface Browsing {
  readonly search: Search;
}

export function createBrowsing(parts: {
  readonly metadata: Metadata;
  readonly counts: Counts;
  readonly registry: Registry;
}): Browsing {
  return { search: createSearch(parts) };
}
