import { isDeepStrictEqual } from "node:util";
import { mirrorsAddedAtMost } from "../api/limits.ts";
import type { MirrorChanges, NewMirror } from "../api/mirrors.ts";
import type { Sealing } from "../auth/signing-keys/sealing.ts";
import { parseMirror } from "../config/mirrors.ts";
import { mirrorsApart } from "../config/rules.ts";
import type { Config } from "../config/schema.ts";
import type { Database } from "../database/contract.ts";
import type { AddedMirror } from "../database/mirror/added-mirrors.ts";
import type { Actor } from "../database/permissions/authority.ts";
import { MirrorError } from "./errors.ts";

type Settings = Config["mirrors"][number];

interface Parts {
  readonly database: Pick<Database, "addedMirrors" | "commands">;
  /** The mirrors of the configuration as they are now. */
  readonly configured: () => readonly Settings[];
  /** Encrypts passwords. Opened at first use: many upstreams need none. */
  readonly sealing: () => Promise<Sealing>;
  readonly clock: () => number;
  readonly report: (error: unknown) => void;
}

export type AddedMirrors = ReturnType<typeof createAddedMirrors>;

/** The mirrors that administrators add while servers run. Methods throw {@link MirrorError}. */
export function createAddedMirrors(parts: Parts) {
  const { database, sealing, clock } = parts;
  const { commands, addedMirrors } = database;
  const sealed = async (namespace: string, password: string): Promise<Uint8Array> =>
    (await sealing()).seal(namespace, Buffer.from(password));
  return {
    settings: createSettingsReader(parts),

    async add(actor: Actor, { namespace, password, ...given }: NewMirror): Promise<void> {
      demandNotConfigured(parts, namespace);
      const next = merged({ namespace, visibility: "private", settings: "{}" }, given);
      const { upstream } = await demandValid(parts, next);
      const answer = await commands.addMirror({
        ...{ actor, nowMs: clock(), ...columnsOf(next), upstream, atMost: mirrorsAddedAtMost },
        password: password == null ? null : await sealed(namespace, password),
      });
      if (answer !== "added") throw new MirrorError("conflict", rejections[answer](namespace));
    },

    async change(
      actor: Actor,
      namespace: string,
      { password, ...given }: MirrorChanges,
    ): Promise<void> {
      demandNotConfigured(parts, namespace);
      for (;;) {
        const before = await addedMirrors.find(namespace);
        if (before === undefined) throw unknownMirror(namespace);
        const next = merged(before, given);
        const { upstream } = await demandValid(parts, next);
        const asGiven = password == null ? null : await sealed(namespace, password);
        const isDone = await commands.changeMirror({
          ...{ actor, nowMs: clock(), ...columnsOf(next), upstream, before },
          password: password === undefined ? before.password : asGiven,
          changed: namesOf({ password, ...given }),
        });
        // Otherwise another client has changed it since it was read.
        if (isDone) return;
      }
    },

    async remove(actor: Actor, namespace: string): Promise<void> {
      demandNotConfigured(parts, namespace);
      if (!(await commands.removeMirror({ actor, nowMs: clock(), namespace })))
        throw unknownMirror(namespace);
    },

    /** Encrypts all passwords with the current `auth.keySecret`; resolves with the namespaces. */
    async reseal(): Promise<readonly string[]> {
      const passwords: { readonly namespace: string; readonly password: Uint8Array }[] = [];
      for (const { namespace, password } of await addedMirrors.all()) {
        const opened = password === null ? undefined : (await sealing()).open(namespace, password);
        if (opened === undefined) continue;
        passwords.push({ namespace, password: (await sealing()).seal(namespace, opened) });
      }
      if (passwords.length > 0) await commands.resealMirrors({ passwords });
      return passwords.map(({ namespace }) => namespace);
    },
  };
}

const rejections = {
  exists: (namespace: string) => `there is a mirror ${namespace} already`,
  user: (namespace: string) => `${namespace} is the name of a user`,
  hosted: (namespace: string) =>
    `${namespace} has repositories of this registry: a mirror would hide what is pushed to them`,
  "too many": () => `there are ${mirrorsAddedAtMost} mirrors, which is the limit: remove one first`,
};

const unknownMirror = (namespace: string): MirrorError =>
  new MirrorError("unknown", `there is no mirror ${namespace}`);

function demandNotConfigured({ configured }: Parts, namespace: string): void {
  if (!configured().some((one) => one.namespace === namespace)) return;
  throw new MirrorError(
    "conflict",
    `the mirror ${namespace} is in the configuration: change it there, and send SIGHUP to the server`,
  );
}

/** An entry of `mirrors` as in the configuration, without the password. */
type Entry = Readonly<Record<string, unknown>> & {
  readonly namespace: string;
  readonly visibility: "private" | "public";
};

const entryOf = ({ namespace, visibility, settings }: Omit<AddedMirror, "password">): Entry => ({
  ...(JSON.parse(settings) as object),
  namespace,
  visibility,
});

const columnsOf = ({ namespace, visibility, ...settings }: Entry) => ({
  ...{ namespace, visibility },
  settings: JSON.stringify(settings),
});

/** The entry with the changes. `null` removes a setting. */
function merged(
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

const namesOf = (changes: MirrorChanges): readonly string[] =>
  Object.entries(changes).flatMap(([name, value]) => (value === undefined ? [] : [name]));

/** Checks the entry as one of the configuration, alone and beside all others. */
async function demandValid({ database, configured }: Parts, entry: Entry): Promise<Settings> {
  const parsed = parseMirror(entry);
  if (!parsed.ok) throw new MirrorError("invalid", parsed.problem);
  const { mirror } = parsed;
  for (const glob of [...mirror.allow, ...mirror.deny]) demandSimple(glob);
  const others = (await database.addedMirrors.all())
    .filter(({ namespace }) => namespace !== entry.namespace)
    .map((row) => parseMirror(entryOf(row)))
    .flatMap((other) => (other.ok ? [other.mirror] : []));
  const problem = mirrorsApart([...configured(), ...others, mirror]);
  if (problem !== undefined) throw new MirrorError("conflict", problem.what ?? problem.allowed);
  return mirror;
}

const wildcardsAtMost = 3;

/** A glob of a client is matched with each requested name, and the time grows with each wildcard. */
function demandSimple(glob: string): void {
  const wildcards = glob.match(/\*+/g)?.length ?? 0;
  if (wildcards <= wildcardsAtMost && !/[()]/.test(glob)) return;
  throw new MirrorError(
    "invalid",
    `the glob ${glob.slice(0, 50)} must have at most ${wildcardsAtMost} wildcards and no parentheses; the configuration may have others`,
  );
}

/** Reads the settings, and decrypts the passwords when the rows have changed. */
function createSettingsReader({ database, sealing, report }: Parts) {
  let known: { readonly rows: readonly AddedMirror[]; readonly settings: readonly Settings[] } = {
    rows: [],
    settings: [],
  };

  const decrypted = async (namespace: string, password: Uint8Array): Promise<Buffer | undefined> =>
    (await sealing()).open(namespace, password);
  const settingsOf = async (row: AddedMirror): Promise<readonly Settings[]> => {
    const { namespace, password } = row;
    const parsed = parseMirror(entryOf(row));
    if (!parsed.ok) {
      report(new Error(`the mirror ${namespace} of the database is not valid: ${parsed.problem}`));
      return [];
    }
    if (password === null) return [parsed.mirror];
    const opened = await decrypted(namespace, password).catch(() => undefined);
    // The cached images are served without it.
    if (opened === undefined)
      report(
        new Error(`the password of the mirror ${namespace} cannot be decrypted: set it again`),
      );
    return [{ ...parsed.mirror, password: opened?.toString() }];
  };

  return async (): Promise<readonly Settings[]> => {
    const rows = await database.addedMirrors.all();
    if (isDeepStrictEqual(rows, known.rows)) return known.settings;
    const settings = (await Promise.all(rows.map(settingsOf))).flat();
    known = { rows, settings };
    return settings;
  };
}
