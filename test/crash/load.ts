import type { Ledger } from "./ledger.ts";
import { mixImages } from "./mixer.ts";
import { pushImages } from "./pusher.ts";
import { keepOpen, type Pusher } from "./uploader.ts";
import type { Wire } from "./wire.ts";

const pushers = 10;

export interface Load {
  readonly wire: Wire;
  readonly ledger: Ledger;
  /** Nobody else's: names the tags and seeds the contents. */
  readonly name: string;
  /** Pulls and deletes between the pushes. */
  readonly mixed?: boolean;
  /** Sizes that layers have; missing: from some bytes to some MiB. */
  readonly layerSizes?: Pusher["layerSizes"];
}

/** Ten clients that push images, and three whose uploads stay open; resolves when the server has gone. */
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
