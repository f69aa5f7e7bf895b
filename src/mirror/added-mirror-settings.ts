import type { MirrorChanges } from "../api/mirrors.ts";
import { parseMirror } from "../config/mirrors.ts";
import type { Config } from "../config/schema.ts";
import type { AddedMirror } from "../database/mirror/added-mirrors.ts";
import { MirrorError } from "./errors.ts";

/* The settings of a mirror that the API has added: as the API names them, as the configuration does, and as a row. */

export type AddedSettings = Config["mirrors"][number];

/** An entry of `mirrors` as in the configuration, without the password. */
export type Entry = Readonly<Record<string, unknown>> & {
  readonly namespace: string;
  readonly visibility: "private" | "public";
};

export const entryOf = ({
  namespace,
  visibility,
  settings,
}: Omit<AddedMirror, "password">): Entry => ({
  ...(JSON.parse(settings) as object),
  namespace,
  visibility,
});

export const columnsOf = ({ namespace, visibility, ...settings }: Entry) => ({
  ...{ namespace, visibility },
  settings: JSON.stringify(settings),
});

/** The entry with the changes. `null` removes a setting. */
export function merged(
  before: Omit<AddedMirror, "password">,
  { is_private: isPrivate, ...changes }: Omit<MirrorChanges, "password">,
): Entry {
  const entry: Record<string, unknown> = entryOf(before);
  for (const [key, value] of Object.entries(keysOf(changes)))
    if (value === null) delete entry[key];
    else if (value !== undefined) entry[key] = value;
  const { namespace } = before;
  const given = isPrivate === true ? "private" : "public";
  return { ...entry, namespace, visibility: isPrivate === undefined ? before.visibility : given };
}

/** The changes under the names of the configuration. */
const keysOf = (changes: Omit<MirrorChanges, "password" | "is_private">) => ({
  upstream: changes.upstream,
  username: changes.username,
  aliases: changes.aliases,
  tokenHosts: changes.token_hosts,
  root: changes.is_root,
  allow: changes.allow,
  deny: changes.deny,
  ttl: typeof changes.tag_ttl === "number" ? { tag: `${changes.tag_ttl}s` } : changes.tag_ttl,
  cacheSize: changes.cache_size,
  prefetch: changes.prefetch,
  allowPrivateNetwork: changes.allow_private_network,
  tls: changes.insecure === undefined ? undefined : { insecure: changes.insecure },
  foreignLayerHosts: changes.foreign_layer_hosts,
});

export const namesOf = (changes: MirrorChanges): readonly string[] =>
  Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [name]));

/** Parses the entry as one of the configuration. Throws {@link MirrorError} if it is not valid. */
export function parseEntry(entry: Entry): AddedSettings {
  const parsed = parseMirror(entry);
  if (!parsed.ok) throw new MirrorError("invalid", parsed.problem);
  const { mirror } = parsed;
  for (const glob of [...mirror.allow, ...mirror.deny]) demandSimple(glob);
  return mirror;
}

const wildcardsAtMost = 3;

/** A glob of a client is matched with each requested name, and the time grows with each wildcard. */
function demandSimple(glob: string): void {
  const wildcards = glob.match(/\*+|\{/g)?.length ?? 0;
  if (wildcards <= wildcardsAtMost && !/[()]/.test(glob)) return;
  throw new MirrorError(
    "invalid",
    `the glob ${glob.slice(0, 50)} must have at most ${wildcardsAtMost} wildcards or braces, and no parentheses; the configuration may have others`,
  );
}

/**
 * Whether a change lets another server see the password: then it must be given again, so that no administrator gets one
 * that another has set.
 */
export function showsPassword(before: Entry, next: AddedSettings): boolean {
  const parsed = parseMirror(before);
  if (!parsed.ok) return true;
  const { upstream, tokenHosts, tls } = parsed.mirror;
  return (
    new URL(upstream).origin !== new URL(next.upstream).origin ||
    next.tokenHosts.some((host) => !tokenHosts.includes(host)) ||
    (next.tls.insecure && !tls.insecure)
  );
}
