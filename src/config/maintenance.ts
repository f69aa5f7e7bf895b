import * as z from "zod";
import { bool, duration, integer, size } from "./values.ts";

/* What a server deletes, and how often it looks for it and checks what it keeps. */

const day = 86_400_000;
const KiB = 2 ** 10;

export const gcSchema = z
  .object({
    deleteUntagged: bool()
      .prefault(false)
      .describe(
        "Delete manifests that no tag, index or subject uses, gc.grace after the last use ended",
      ),
    lease: duration({ min: 1000, max: 7 * day })
      .prefault("1h")
      .describe(
        "The time for which a blob is kept after a push, a mount, or a request of a pusher",
      ),
    grace: duration({ min: 0 })
      .prefault("24h")
      .describe("The time for which content is kept after its last use ended"),
    deleteDelay: duration({ min: 0, max: day })
      .prefault("10m")
      .describe("The time between the deletion of a blob and that of its bytes"),
    interval: duration({ min: 0, max: 14 * day })
      .prefault("1h")
      .describe("The time between two collections of a server; 0s for none"),
    stepsPerSecond: integer({ min: 1, max: 100_000 })
      .prefault(200)
      .describe("The maximum number of steps per second of a collection of a server"),
  })
  .prefault({});

export const scrubSchema = z
  .object({
    interval: duration({ min: 0, max: 24 * day })
      .prefault("7d")
      .describe("The time between two scrubs of a server; 0s for none"),
    bytesPerSecond: size({ min: 64 * KiB })
      .prefault("8MiB")
      .describe("The maximum number of bytes per second that a scrub of a server reads"),
  })
  .prefault({});

export const retentionSchema = z
  .object({
    interval: duration({ min: 0, max: 24 * day })
      .prefault("24h")
      .describe("The time between two runs of all retention policies of a server; 0s for none"),
  })
  .prefault({});
