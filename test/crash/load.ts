import type { Ledger } from "./ledger.ts";
import { mixImages } from "./mixer.ts";
import { pushImages } from "./pusher.ts";
import { keepOpen, type Pusher } from "./uploader.ts";
import type { Wire } from "./wire.ts";

const pushers = 10;

export interface Load {
  readonly wire: Wire;
  readonly ledger: Ledger;
  /** Unique to this load: names the tags and seeds the contents. */
  readonly name: string;
  /** The clients also pull and delete between the pushes. */
  readonly mixed?: boolean;
  /** Layer sizes in bytes; default: 90 bytes to 5 MiB. */
  readonly layerSizes?: Pusher["layerSizes"];
}

/** Runs ten clients that push images, and three whose uploads stay open. Resolves when the server has ended. */
export async function load({ mixed = false, ...all }: Load): Promise<void> {
  const pusher = (index: number): Pusher => ({
    ...all,
    name: `${all.name}-${index}`,
    repository: `crash/r${index}`,
  });
  const work = mixed ? mixImages : pushImages;
  await Promise.all([
    ...Array.from({ length: pushers }, (_, index) => work(pusher(index))),
    keepOpen(pusher(pushers), "sha256", false),
    keepOpen(pusher(pushers + 1), "sha512", true),
    keepOpen(pusher(pushers + 2), "sha512", false),
  ]);
}
