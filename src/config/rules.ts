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
