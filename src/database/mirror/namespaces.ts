import type { Db, Visibility } from "../schema.ts";

export interface AlignMirror {
  readonly namespace: string;
  readonly visibility: Visibility;
  readonly nowMs: number;
}

/**
 * Makes the namespace of a mirror an organisation (so that nobody else can have the name, and its members are who may
 * pull where it is private), and its repositories as visible as the configuration says now.
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
