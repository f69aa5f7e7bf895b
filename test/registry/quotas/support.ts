import assert from "node:assert/strict";
import { openModeClient } from "../../support/pushes.ts";
import { isCode, type World } from "../support.ts";

/** Sets the quota of a namespace. */
export const limit = async (
  { database }: World,
  namespace: string,
  limitBytes: number,
): Promise<void> => {
  await database.commands.setQuota({ namespace, limitBytes, nowMs: 0, actor: openModeClient });
};

/** The used bytes in the quota's row. Asserts that they equal the sum of the linked blobs and manifests. */
export async function used({ database }: World, namespace: string): Promise<number | undefined> {
  const kept = await database.quotas.find(namespace);
  const counted = (await database.quotas.list()).find((row) => row.namespace === namespace);
  if (kept !== undefined) assert.equal(kept.usedBytes, counted?.usedBytes);
  return kept?.usedBytes;
}

export const isDenied = isCode("DENIED");
