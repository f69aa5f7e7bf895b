import { createRandom, type Random } from "./content.ts";
import { imageProblems } from "./invariants.ts";
import type { HeldImage } from "./ledger.ts";
import { pushImage } from "./pusher.ts";
import { untilGone, type Pusher } from "./uploader.ts";

/** Pushes images, and between them pulls, untags and deletes earlier ones, until the server has ended. */
export async function mixImages(pusher: Pusher): Promise<void> {
  const random = createRandom(pusher.name);
  await untilGone(async () => {
    for (let image = 0; ; image += 1) {
      await pushImage(pusher, random, `${pusher.name}-${image}`);
      const earlier = oneOfMine(pusher, random);
      if (earlier === undefined) continue;
      const choice = random.below(6);
      if (choice === 0) await remove(pusher, earlier, [earlier.tag]);
      else if (choice === 1) await remove(pusher, earlier, [earlier.digest, earlier.tag]);
      else if (choice < 4) await pullImage(pusher, earlier);
    }
  });
}

/** A random image of this pusher to which `latest` does not point. */
function oneOfMine({ ledger, repository }: Pusher, random: Random): HeldImage | undefined {
  const moving = ledger.latest.get(repository);
  const mine = ledger.images.filter(
    (image) =>
      image.repository === repository &&
      image.digest !== moving?.acknowledged &&
      image.digest !== moving?.asked,
  );
  return mine[random.below(Math.max(mine.length, 1))];
}

/** Deletes by the first reference, which deletes the other references as well. */
async function remove(
  { wire, ledger, repository }: Pusher,
  image: HeldImage,
  references: readonly [string, ...string[]],
): Promise<void> {
  ledger.images.splice(ledger.images.indexOf(image), 1);
  await wire.expect(202, "DELETE", `/v2/${repository}/manifests/${references[0]}`);
  ledger.deleted.push(...references.map((reference) => ({ repository, reference })));
}

async function pullImage(
  { wire, repository }: Pusher,
  { tag, manifest }: HeldImage,
): Promise<void> {
  const { body } = await wire.expect(200, "GET", `/v2/${repository}/manifests/${tag}`);
  if (!body.equals(manifest)) throw new Error(`${repository}:${tag} is another manifest`);
  const problems = await imageProblems(wire, repository, manifest);
  if (problems.length > 0) throw new Error(problems.join("; "));
}
