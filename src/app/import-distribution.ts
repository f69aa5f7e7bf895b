import type { Config } from "../config/schema.ts";
import { ImportError } from "../maintenance/import/content.ts";
import {
  distributionFolders,
  isDistribution,
  type DistributionFiles,
} from "../maintenance/import/distribution.ts";
import { openRegularFiles } from "../maintenance/import/regular-files.ts";
import { bucketAt } from "./data-folder.ts";

interface OpenDistribution {
  readonly files: DistributionFiles;
  /** The real path of the folder with all blobs; `undefined` for a bucket. */
  readonly blobs: string | undefined;
  close(): void;
}

export const isBucket = (location: string): boolean => location.startsWith("s3://");

/**
 * Opens the files of a distribution registry: a folder, or `s3://BUCKET/PREFIX` with the endpoint and the credentials of
 * `s3`. Throws ImportError if it has none, and the errors of the bucket.
 */
export const openDistribution = (
  location: string,
  s3: Config["storage"]["s3"],
): Promise<OpenDistribution> =>
  isBucket(location) ? openBucket(location, s3) : openFolder(location);

async function openFolder(location: string): Promise<OpenDistribution> {
  for (const inner of distributionFolders) {
    const files = await openRegularFiles(`${location}/${inner}`);
    if (files !== undefined && (await isDistribution(files)))
      return { files, blobs: `${files.root}/blobs`, close: () => undefined };
  }
  throw noDistribution(location);
}

async function openBucket(
  location: string,
  s3: Config["storage"]["s3"],
): Promise<OpenDistribution> {
  // Loaded only for S3: the SDK is larger than the rest of the program.
  const { createS3Files } = await import("../../storage/s3/files.ts");
  const place = location.replace(/\/+$/, "");
  for (const inner of distributionFolders) {
    const settings = bucketAt(`${place}/${inner}`, s3);
    if (settings === undefined)
      throw new ImportError(`${location} has no bucket: write s3://BUCKET/PREFIX`);
    const files = createS3Files(settings);
    if (await isDistribution(files)) return { files, blobs: undefined, close: () => files.close() };
    files.close();
  }
  throw noDistribution(location);
}

const noDistribution = (location: string): ImportError =>
  new ImportError(
    `${location} has no docker/registry/v2/repositories and blobs: name the "rootdirectory" of the registry's storage`,
  );
