import { Cron } from "croner";
import type { Metadata } from "../metadata/metadata.ts";
import { createCopying } from "./copying.ts";
import type { Mirrors } from "./mirrors.ts";

/** Copies what the configuration says, when it says so; one after another for each schedule. */
export function startSchedules(
  mirrors: Pick<Mirrors, "list" | "byRegistry">,
  parts: { readonly metadata: Pick<Metadata, "blobs">; readonly report: (error: unknown) => void },
): { stop(): void } {
  const { metadata, report } = parts;
  const jobs = mirrors.list.flatMap((mirror) =>
    mirror.settings.schedule.flatMap((schedule) => {
      if (schedule.cron === undefined) return [];
      const copying = createCopying(mirror, metadata);
      const { namespace } = mirror.settings;
      const copy = async (): Promise<void> => {
        const { place } = mirrors.byRegistry(namespace, schedule.image);
        for await (const step of copying.schedule(place, schedule, false))
          if (step.kind === "failed") report(step.error);
      };
      return [new Cron(schedule.cron, { protect: true, unref: true, catch: report }, copy)];
    }),
  );
  return {
    stop() {
      for (const job of jobs) job.stop();
    },
  };
}
