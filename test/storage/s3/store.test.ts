import { after } from "node:test";
import { createS3Store } from "../../../storage/s3/store.ts";
import { startS3Stub } from "../../support/s3/stub.ts";
import { describeDriver } from "../driver-suite.ts";
import { settingsFor } from "./settings.ts";

const stub = await startS3Stub({ pageSize: 7 });
after(() => stub.close());

let stores = 0;
const prefix = (): string => {
  stores += 1;
  return `store-${stores}/`;
};

describeDriver("s3", async () => createS3Store(settingsFor(stub.endpoint, { prefix: prefix() })));
for (const checksum of ["sha256", "none"] as const)
  describeDriver(`s3 with checksum: ${checksum}`, async () =>
    createS3Store(settingsFor(stub.endpoint, { checksum, prefix: prefix() })),
  );

const denying = await startS3Stub({ pageSize: 7 });
denying.fault = ({ isSignedUrl }) =>
  isSignedUrl ? { refuse: { status: 403, code: "AccessDenied" } } : undefined;
after(() => denying.close());
describeDriver("s3 that denies signed URLs", async () =>
  createS3Store(settingsFor(denying.endpoint)),
);
