import process from "node:process";
import { createS3Store } from "../../storage/s3/store.ts";
import { describeDriver } from "../storage/driver-suite.ts";
import { settingsFor } from "../storage/s3/settings.ts";

const endpoint = process.env["BERTH_STORAGE_S3_ENDPOINT"] ?? "";
const MiB = 2 ** 20;

let stores = 0;
const prefix = (): string => {
  stores += 1;
  return `driver-${process.pid}-${stores}/`;
};

for (const checksum of ["crc32", "sha256", "none"] as const) {
  describeDriver(
    `s3 on a real server, checksum: ${checksum},`,
    async () =>
      createS3Store(
        settingsFor(endpoint, {
          prefix: prefix(),
          checksum,
          partSize: 5 * MiB,
          uploadBuffer: 32 * MiB,
        }),
      ),
    [5 * MiB - 1, 5 * MiB, 5 * MiB + 1, 10 * MiB, 21 * MiB + 7],
  );
}
