import { walkRegistry } from "../../crash/invariants.ts";
import type { Ledger } from "../../crash/ledger.ts";
import { acknowledgedIn, losses } from "../../crash/losses.ts";
import { compareStored } from "../../crash/stored.ts";
import { audit } from "./audit.ts";
import { startBerth, type Berth } from "./berth.ts";
import type { Tally } from "./tally.ts";

/**
 * The last checks of a fault test: stops the server, compares rows with files, starts it again, and reads back all
 * acknowledged data.
 */
export async function finish(
  {
    berth,
    data,
    ledger,
    tally,
  }: {
    readonly berth: Berth;
    readonly data: string;
    readonly ledger: Ledger;
    readonly tally: Tally;
  },
  {
    how = "stop",
    collected = false,
  }: { readonly how?: "stop" | "kill"; readonly collected?: boolean } = {},
): Promise<void> {
  await berth[how]();
  tally.lost.push(...(await compareStored(data)).problems);
  const again = await startBerth(data);
  if ((await compareStored(data)).orphanUploads > 0) tally.lost.push("uploads without a row");
  tally.lost.push(...(await losses(again.wire, ledger, { collected })));
  tally.lost.push(...(await walkRegistry(again.wire)).problems);
  await again.stop();
  const { orphanBlobs } = await compareStored(data);
  tally.lost.push(...(await audit(data)));
  if (orphanBlobs > 0) tally.notes.push(`${orphanBlobs} files without a row`);
  tally.acknowledged += acknowledgedIn(ledger);
  tally.check();
}
