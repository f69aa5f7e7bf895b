import { formatListenAddress, isLoopback } from "./addresses.ts";
import type { ConfigProblem } from "./problems.ts";
import type { Config } from "./schema.ts";

/** What must hold between several keys. */
export interface Rule {
  /** The first one is the key that a problem is about; a rule waits until all of them are right by themselves. */
  readonly keys: readonly [string, ...string[]];
  readonly check: (config: Config) => Omit<ConfigProblem, "key"> | undefined;
}

export const rules: readonly Rule[] = [
  {
    keys: ["auth.openOnNetwork", "auth.open", "listen"],
    check: ({ auth, listen }) =>
      auth.open ? openOnNetwork(auth.openOnNetwork, listen) : undefined,
  },
  {
    keys: ["storage.s3.bucket", "storage.driver"],
    check: ({ storage }) =>
      storage.driver !== "s3" || storage.s3.bucket !== undefined
        ? undefined
        : { what: "storage.driver is s3", found: "nothing", allowed: "the name of a bucket" },
  },
  {
    keys: ["storage.s3.accessKeyId", "storage.s3.secretAccessKey"],
    check: ({ storage: { s3 } }) =>
      (s3.accessKeyId === undefined) === (s3.secretAccessKey === undefined)
        ? undefined
        : {
            what: "storage.s3.accessKeyId and storage.s3.secretAccessKey belong together",
            found: "one of them",
            allowed: "both, or none",
          },
  },
  {
    keys: ["workers", "storage.driver"],
    check: ({ workers, storage }) =>
      workers === 1 || storage.driver !== "memory"
        ? undefined
        : {
            what: "blobs in memory are in the memory of one process, and the others would not find them",
            found: String(workers),
            allowed: "1, or another storage.driver",
          },
  },
];

function openOnNetwork(
  allowed: boolean,
  listen: Config["listen"],
): Omit<ConfigProblem, "key"> | undefined {
  if (allowed || isLoopback(listen.host)) return undefined;
  return {
    what: `other machines reach ${formatListenAddress(listen)}, where open mode lets everybody push and delete`,
    found: "false",
    allowed:
      "true, if that is what you want: auth.openOnNetwork: true or BERTH_AUTH_OPEN_ON_NETWORK=true; or listen on 127.0.0.1:5000",
  };
}
