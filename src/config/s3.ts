import * as z from "zod";
import { serverUrl } from "./addresses.ts";
import { bool, choice, duration, integer, secret, size, text } from "./values.ts";

const MiB = 2 ** 20;

/** The keys of `storage.s3`. Conditions between them are in `rules.ts`. */
export const s3Schema = z
  .object({
    bucket: text("the name of a bucket").optional().describe("Bucket of the blobs"),
    region: text("the name of a region").optional().describe("Region of the bucket"),
    endpoint: serverUrl()
      .optional()
      .describe("The S3 server, if it is not Amazon's; clients must reach it where redirect is on"),
    forcePathStyle: bool()
      .prefault(false)
      .describe("Name the bucket in the path, not in the host; most servers but Amazon's need it"),
    prefix: text("some text, to which a slash is added")
      .optional()
      .describe("What the names of all objects begin with"),
    accessKeyId: text("the id of an access key")
      .optional()
      .describe("Without it the SDK looks in the environment, a profile, or the machine's role"),
    secretAccessKey: secret().optional().describe("Belongs to storage.s3.accessKeyId"),
    sessionToken: secret().optional().describe("Belongs to a temporary storage.s3.accessKeyId"),
    partSize: size({ min: 5 * MiB, max: 1024 * MiB })
      .prefault("8MiB")
      .describe("Size of the parts of a large blob; 10000 times that is the largest blob"),
    concurrency: integer({ min: 1, max: 100 })
      .prefault(4)
      .describe("Parts of one upload that are sent at the same time"),
    uploadBuffer: size({ min: 8 * MiB })
      .prefault("128MiB")
      .describe("Memory for parts of all uploads together, at least one part"),
    redirect: bool()
      .prefault(false)
      .describe("Send clients that read a blob to the S3 server, by a signed URL"),
    redirectLifetime: duration({ min: 1000, max: 7 * 86_400_000 })
      .prefault("5m")
      .describe("Time for which a signed URL is good"),
    redirectExcept: z
      .array(text("a network in CIDR form, or what the name of a client begins with"))
      .prefault([])
      .describe("Clients that are not sent there, by address or by User-Agent"),
    sse: text("AES256, aws:kms, or the id of a KMS key")
      .optional()
      .describe("Encryption that S3 is asked for"),
    storageClass: text("a storage class such as STANDARD_IA")
      .optional()
      .describe("Storage class of the blobs"),
    checksum: choice(["crc32", "sha256", "none"])
      .prefault("crc32")
      .describe("Checksum that goes with all that is written; none for servers that know none"),
  })
  .prefault({});
