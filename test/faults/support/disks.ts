import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { newFolder, newPath } from "./scratch.ts";
import { run } from "./shell.ts";

export const fileSystems = ["ext4", "xfs", "btrfs"] as const;
export type FileSystem = (typeof fileSystems)[number];

const GiB = 2 ** 30;
const imageBytes = 4 * GiB;
const holderBytes = 48 * GiB;

/** A sparse file with a file system in it, mounted. It goes with the run's mount namespace if nobody unmounts it. */
export async function mountImage(
  image: string,
  sizeBytes: number,
  make: readonly [string, ...string[]],
  options = "loop",
): Promise<string> {
  await writeFile(image, "");
  await truncate(image, sizeBytes);
  const [mkfs, ...args] = make;
  await run(mkfs, ...args, image);
  const point = newFolder("mount");
  await run("mount", "-o", options, image, point);
  return point;
}

export interface Holder {
  readonly folder: string;
  /** Whether a copy shows one moment. */
  readonly atomic: boolean;
}

/** The file system on which the images lie: one that copies a file by sharing its blocks, in one step. */
export async function mountHolder(): Promise<Holder> {
  const make = ["mkfs.xfs", "-q", "-m", "reflink=1"] as const;
  const folder = await mountImage(newPath("holder"), holderBytes, make, "loop,discard");
  const probe = path.join(folder, "probe");
  await writeFile(probe, "probe");
  const atomic = await copyAtOnce(probe, `${probe}-copy`).then(
    () => true,
    () => false,
  );
  return { folder, atomic };
}

const copyAtOnce = (from: string, to: string): Promise<string> =>
  run("cp", "--reflink=always", from, to);

const maker: Record<FileSystem, readonly [string, ...string[]]> = {
  ext4: ["mkfs.ext4", "-q", "-F"],
  xfs: ["mkfs.xfs", "-q", "-f"],
  btrfs: ["mkfs.btrfs", "-q", "-f"],
};

/** The data folder of a Berth on file systems that can lose their power. */
export interface Disks {
  readonly data: string;
  /** Keeps what the disks hold at this moment. Nobody writes: the server is frozen. */
  cut(): Promise<void>;
  /** Puts what was kept in the place of the disks; the file systems recover as after any power cut. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** One image for all, or the database on one and the blobs on another. */
export async function createDisks(
  { folder, atomic }: Holder,
  fileSystem: FileSystem,
  images: 1 | 2,
): Promise<Disks> {
  const made = await Promise.all(
    Array.from({ length: images }, async (_, index) => {
      const image = path.join(folder, path.basename(newPath(`image-${index}`)));
      const point = await mountImage(image, imageBytes, maker[fileSystem]);
      return { image, kept: `${image}-kept`, point };
    }),
  );
  const data = path.join(made[0]?.point ?? "", "data");
  const other = made[1]?.point;
  if (other !== undefined) {
    await mkdir(data);
    for (const name of ["blobs", "uploads"]) {
      await mkdir(path.join(other, name));
      await symlink(path.join(other, name), path.join(data, name));
    }
    await run("sync", "-f", data);
    await run("sync", "-f", other);
  }
  return {
    data,
    async cut() {
      for (const { image, kept } of made)
        await (atomic ? copyAtOnce(image, kept) : run("cp", "--sparse=always", image, kept));
    },
    async restore() {
      // All are gone before one comes back: btrfs takes two disks with one identity for one.
      for (const { image, point } of made) {
        await run("umount", point);
        await rm(image);
      }
      for (const { image, kept, point } of made) {
        await run("mv", kept, image);
        await run("mount", "-o", "loop", image, point);
      }
    },
    async remove() {
      for (const { image, kept, point } of made) {
        await run("umount", point);
        await rm(image);
        await rm(kept, { force: true });
      }
    },
  };
}
