import { mkdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { newFolder, newPath } from "./scratch.ts";
import { run } from "./shell.ts";

export const fileSystems = ["ext4", "xfs", "btrfs"] as const;
export type FileSystem = (typeof fileSystems)[number];

const GiB = 2 ** 30;
const imageBytes = 4 * GiB;
const holderBytes = 48 * GiB;

/** Makes a file system in a sparse file and mounts it, at most until the mount namespace of the run ends. */
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
  /** Whether a copy of a file is atomic. */
  readonly atomic: boolean;
}

/** Mounts the file system for the images: XFS with reflinks, which copies a file atomically by sharing its blocks. */
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
  /** Copies the images of the disks. The server must be frozen. */
  cut(): Promise<void>;
  /** Replaces the images by their copies and mounts them. The file systems recover as after a power cut. */
  restore(): Promise<void>;
  remove(): Promise<void>;
}

/** Makes one image for all data, or one for the database and one for the blobs. */
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
      // All images are unmounted before one is mounted again: btrfs takes two images with the same id for one disk.
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
