import type { Writer } from "../database/contract.ts";
import type { Logger } from "../observability/logger.ts";
import type { UploadLocks } from "../registry/uploads/locks.ts";

/** The services that a data folder may have only once. Their process also runs maintenance. */
export interface SharedServices {
  readonly writer: Writer;
  readonly locks: UploadLocks;
}

/** What kind of process uses the data folder. */
export type AppProcess =
  /** It owns the shared services, and runs maintenance and the schedules of mirrors. */
  | { readonly kind: "server"; readonly logger: Logger }
  /** It uses the shared services of the primary process. */
  | { readonly kind: "worker"; readonly logger: Logger; readonly sharedServices: SharedServices }
  /** A command of the command line, also while a server runs. It prints its results itself. */
  | {
      readonly kind: "command";
      /** The command may create a registry in an empty database. */
      readonly isNewAllowed: boolean;
    };
