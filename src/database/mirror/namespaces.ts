import type { Db, Visibility } from "../schema.ts";

export interface AlignMirror {
  readonly namespace: string;
  readonly visibility: Visibility;
  readonly nowMs: number;
}

/**
 * Makes the namespace of a mirror an organisation, and sets the visibility of its repositories to the configured one.
 * The organisation reserves the name; its members may pull from a private mirror.
 */
async function alignMirror(tx: Db, align: AlignMirror): Promise<void> {
  const { namespace, visibility, nowMs } = align;
  await tx
    .insertInto("accounts")
    .values({ name: namespace, kind: "organisation", created_at: nowMs })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  await tx
    .updateTable("repositories")
    .set({ visibility })
    .where("namespace", "=", namespace)
    .where("visibility", "!=", visibility)
    .execute();
}

export const mirrorNamespaceCommands = { alignMirror };
