import type { S3Stub } from "./stub.ts";

/** The settings of a Berth whose blobs are in the bucket of a stub. */
export const s3SettingsOf = ({ endpoint }: Pick<S3Stub, "endpoint">) => ({
  "storage.driver": "s3",
  "storage.s3.bucket": "berth",
  "storage.s3.endpoint": endpoint,
  "storage.s3.forcePathStyle": "true",
  "storage.s3.accessKeyId": "berth",
  "storage.s3.secretAccessKey": "berth-secret",
});
