import { formatListenAddress, isLoopback } from "./addresses.ts";
import type { ConfigProblem } from "./problems.ts";
import type { Config } from "./schema.ts";

/** What must hold between several keys. */
export interface Rule {
  /** The first one is the key that a problem is about; a rule waits until all of them are right by themselves. */
  readonly keys: readonly [string, ...string[]];
  readonly check: (config: Config) => Omit<ConfigProblem, "key"> | undefined;
}

/** Hold for every configuration. */
export const generalRules: readonly Rule[] = [
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
];

/** Hold for `berth serve` besides. */
export const servingRules: readonly Rule[] = [
  {
    keys: ["auth.open"],
    check: ({ auth }) =>
      auth.open
        ? undefined
        : {
            what: "there are no accounts yet, so Berth can only run open to everybody",
            found: "false",
            allowed: "true: pass --open, or set auth.open: true or BERTH_AUTH_OPEN=true",
          },
  },
  {
    // What would be said next, once --open is passed.
    keys: ["auth.openOnNetwork", "auth.open", "listen"],
    check: ({ auth, listen }) =>
      auth.open ? undefined : openOnNetwork(auth.openOnNetwork, listen),
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
