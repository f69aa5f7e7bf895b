import * as z from "zod";
import { serverUrl } from "./addresses.ts";
import { bool, choice, duration, integer, reserve, secret, size, text } from "./values.ts";

const MiB = 2 ** 20;

const s3Schema = z
  .object({
    bucket: text("the name of a bucket").optional().describe("The bucket of the blobs"),
    region: text("the name of a region").optional().describe("The region of the bucket"),
    endpoint: serverUrl()
      .optional()
      .describe(
        "The URL of the S3 server, if it is not Amazon S3; with redirect, clients must reach it too",
      ),
    forcePathStyle: bool()
      .prefault(false)
      .describe(
        "Put the bucket in the path instead of the host; most servers except Amazon S3 need it",
      ),
    prefix: text("some text; Berth adds a slash to it")
      .optional()
      .describe("The prefix of the names of all objects"),
    accessKeyId: text("the id of an access key")
      .optional()
      .describe(
        "The access key; if not set, the SDK takes it from the environment, a profile, or the machine's role",
      ),
    secretAccessKey: secret().optional().describe("The secret of storage.s3.accessKeyId"),
    sessionToken: secret()
      .optional()
      .describe("The session token of a temporary storage.s3.accessKeyId"),
    partSize: size({ min: 5 * MiB, max: 1024 * MiB })
      .prefault("8MiB")
      .describe("The size of the parts of a large blob; the largest blob has 10000 parts"),
    concurrency: integer({ min: 1, max: 100 })
      .prefault(4)
      .describe("The number of parts of one upload that are sent at the same time"),
    uploadBuffer: size({ min: 8 * MiB })
      .prefault("128MiB")
      .describe("The memory for parts of all uploads together; at least one part"),
    redirect: bool()
      .prefault(false)
      .describe("Redirect blob downloads to a signed URL of the S3 server"),
    redirectLifetime: duration({ min: 1000, max: 7 * 86_400_000 })
      .prefault("5m")
      .describe("The time for which a signed URL is valid"),
    redirectExcept: z
      .array(text("a network in CIDR form, or the beginning of a User-Agent"))
      .prefault([])
      .describe("Clients that are not redirected, by address or by User-Agent"),
    sse: text("AES256, aws:kms, or the id of a KMS key")
      .optional()
      .describe("The server-side encryption that is requested from S3"),
    storageClass: text("a storage class such as STANDARD_IA")
      .optional()
      .describe("The storage class of the blobs"),
    checksum: choice(["crc32", "sha256", "none"])
      .prefault("crc32")
      .describe("The checksum that is sent with each write; none for servers without checksums"),
  })
  .prefault({});

/** The keys of `storage`. Conditions between them are in `rules.ts`. */
export const storageSchema = z
  .object({
    driver: choice(["filesystem", "memory", "s3"])
      .prefault("filesystem")
      .describe("The store of the blobs; blobs in memory are lost when the process ends"),
    reserve: reserve()
      .optional()
      .describe(
        "Disk space that pushes leave free, for deletes and collections; if not set, 1% of the disk, at least 16MiB and at most 1GiB",
      ),
    s3: s3Schema,
  })
  .prefault({});
