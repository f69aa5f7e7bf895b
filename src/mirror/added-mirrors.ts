import { isDeepStrictEqual } from "node:util";
import { mirrorsAddedAtMost } from "../api/limits.ts";
import type { MirrorChanges, NewMirror } from "../api/mirrors.ts";
import type { Sealing } from "../auth/signing-keys/sealing.ts";
import { parseMirror } from "../config/mirrors.ts";
import { mirrorsApart } from "../config/rules.ts";
import type { CommandInput } from "../database/commands.ts";
import type { Database } from "../database/contract.ts";
import type { AddedMirror } from "../database/mirror/added-mirrors.ts";
import type { Actor } from "../database/permissions/authority.ts";
import {
  columnsOf,
  entryOf,
  merged,
  namesOf,
  parseEntry,
  showsPassword,
  type AddedSettings,
  type Entry,
} from "./added-mirror-settings.ts";
import { MirrorError } from "./errors.ts";
import { joinMirrors } from "./live-mirrors.ts";

interface Parts {
  readonly database: Pick<Database, "addedMirrors" | "commands">;
  /** The mirrors of the configuration as they are now. */
  readonly configured: () => readonly AddedSettings[];
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
      const settings = parseEntry(next);
      const asGiven = password == null ? null : await sealed(namespace, password);
      for (;;) {
        const seen = await addedMirrors.all();
        demandApart(parts, seen, settings);
        const answer = await commands.addMirror({
          ...{ actor, nowMs: clock(), ...columnsOf(next), upstream: settings.upstream },
          ...{ password: asGiven, seen: seen.map(withoutPassword), atMost: mirrorsAddedAtMost },
        });
        if (answer === "added") return;
        if (answer !== "outdated") throw new MirrorError("conflict", rejections[answer](namespace));
      }
    },

    async change(
      actor: Actor,
      namespace: string,
      { password, ...given }: MirrorChanges,
    ): Promise<void> {
      demandNotConfigured(parts, namespace);
      const asGiven = password == null ? password : await sealed(namespace, password);
      for (;;) {
        const seen = await addedMirrors.all();
        const before = seen.find((one) => one.namespace === namespace);
        if (before === undefined) throw unknownMirror(namespace);
        const next = merged(before, given);
        const settings = parseEntry(next);
        demandApart(parts, seen, settings);
        if (before.password !== null && password === undefined)
          demandSameReceiver(entryOf(before), settings);
        const isDone = await commands.changeMirror({
          ...{ actor, nowMs: clock(), ...columnsOf(next), upstream: settings.upstream },
          ...{ password: asGiven, before, seen: seen.map(withoutPassword) },
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
      const passwords: CommandInput<"resealMirrors">["passwords"][number][] = [];
      for (const { namespace, password: before } of await addedMirrors.all()) {
        if (before === null) continue;
        const opened = (await sealing()).open(namespace, before);
        if (opened === undefined) continue;
        passwords.push({ namespace, before, password: (await sealing()).seal(namespace, opened) });
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
    `${namespace} has repositories of this registry: a mirror would hide their images`,
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

const withoutPassword = ({ namespace, settings }: AddedMirror) => ({ namespace, settings });

function demandSameReceiver(before: Entry, next: AddedSettings): void {
  if (!showsPassword(before, next)) return;
  throw new MirrorError(
    "invalid",
    "give the password again (or none): with this change another server could read it",
  );
}

/** Checks the settings beside those of all other mirrors. */
function demandApart(
  { configured }: Parts,
  seen: readonly AddedMirror[],
  mirror: AddedSettings,
): void {
  const added = seen
    .filter(({ namespace }) => namespace !== mirror.namespace)
    .map((row) => parseMirror(entryOf(row)))
    .flatMap((other) => (other.ok ? [other.mirror] : []));
  const others = joinMirrors(configured(), added);
  // Of two mirrors, so that a conflict of others prevents nothing.
  for (const other of others) {
    const problem = mirrorsApart([other, mirror]);
    if (problem !== undefined) throw new MirrorError("conflict", problem.what ?? problem.allowed);
    const shared = namesOfRegistry(mirror).find((name) => namesOfRegistry(other).includes(name));
    if (shared !== undefined)
      throw new MirrorError("conflict", `the mirror ${other.namespace} has the name ${shared} too`);
  }
  const problem = mirrorsApart([mirror]);
  if (problem !== undefined) throw new MirrorError("conflict", problem.what ?? problem.allowed);
}

const namesOfRegistry = ({ namespace, aliases }: AddedSettings): readonly string[] => [
  namespace,
  ...aliases,
];

/** Reads the settings, and decrypts the passwords when the rows have changed. */
function createSettingsReader({ database, sealing, report }: Parts) {
  let known: {
    readonly rows: readonly AddedMirror[];
    readonly settings: readonly AddedSettings[];
  } = {
    rows: [],
    settings: [],
  };

  const decrypted = async (namespace: string, password: Uint8Array): Promise<Buffer | undefined> =>
    (await sealing()).open(namespace, password);
  const settingsOf = async (row: AddedMirror): Promise<readonly AddedSettings[]> => {
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

  return async (): Promise<readonly AddedSettings[]> => {
    const rows = await database.addedMirrors.all();
    if (isDeepStrictEqual(rows, known.rows)) return known.settings;
    const settings = (await Promise.all(rows.map(settingsOf))).flat();
    known = { rows, settings };
    return settings;
  };
}
