import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Server } from "./program.ts";

const example = path.join(import.meta.dirname, "../../deploy/haproxy.cfg");

/**
 * HAProxy with `deploy/haproxy.cfg`, without TLS.
 * @param replicas `HOST:PORT` of at most three
 */
export function createHaproxy(replicas: readonly string[]): Server {
  return {
    name: "haproxy",
    version: "",
    program: (folder, port) => {
      const file = path.join(folder, "haproxy.cfg");
      const text = readFileSync(example, "utf8")
        .replaceAll(/^ *server \S+ 10\.0\.0\.1(\d):5000\n/gm, (line, digit: string) => {
          const replica = replicas[Number(digit) - 1];
          return replica === undefined ? "" : line.replace(/10\.0\.0\.\d+:5000/, replica);
        })
        .replace(/bind .*/, `bind 127.0.0.1:${port}`)
        .replace("X-Forwarded-Proto https", "X-Forwarded-Proto http");
      writeFileSync(file, text);
      return { command: "haproxy", args: ["-db", "-f", file] };
    },
  };
}
