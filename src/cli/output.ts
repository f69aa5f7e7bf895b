import process from "node:process";
import { Presets, SingleBar } from "cli-progress";
import type { DataFolderOptions } from "./data-folder.ts";

export type Output = ReturnType<typeof createOutput>;

/** Lines for people, or one JSON object a line for programs. */
export function createOutput({ json }: Pick<DataFolderOptions, "json">) {
  return {
    say(facts: object, text: string): void {
      process.stdout.write(json ? `${JSON.stringify(facts)}\n` : `${text}\n`);
    },
  };
}

export interface Progress {
  advance(by: number): void;
  /** Before a line is written, so that the bar does not tear it. */
  pause(write: () => void): void;
  end(): void;
}

/** A bar where somebody looks, nothing elsewhere. */
export function createProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY || total === 0) {
    return { advance: () => undefined, pause: (write) => write(), end: () => undefined };
  }
  const format = `${what} {bar} {percentage}% | {eta_formatted} left`;
  const bar = new SingleBar(
    { format, stream: process.stderr, clearOnComplete: true },
    Presets.shades_grey,
  );
  bar.start(total, 0);
  return {
    advance: (by) => bar.increment(by),
    pause: (write) => {
      process.stderr.write("\r\u001B[K");
      write();
    },
    end: () => bar.stop(),
  };
}

/** `1.5 MiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, bytes === 0 ? 0 : Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}
