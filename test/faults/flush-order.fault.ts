import assert from "node:assert/strict";
import path from "node:path";
import { after, test } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { contentOf } from "../crash/content.ts";
import { octets } from "../crash/uploader.ts";
import { startBerth } from "./support/berth.ts";
import { trace } from "./support/injection.ts";
import { newFolder } from "./support/scratch.ts";

/*
 * A power cut does not always lose an unflushed directory, because the journal of the file system may have written it.
 * The order of the system calls shows a missing flush in every run.
 */

/** A system call that succeeded. It has two line numbers of the trace, because calls of several threads overlap. */
interface Call {
  readonly text: string;
  readonly startLine: number;
  readonly endLine: number;
}

/** Joins what strace prints as `call(… <unfinished ...>` and `<... call resumed>…`. */
function callsOf(lines: readonly string[]): readonly Call[] {
  const unfinished = new Map<string, { readonly text: string; readonly startLine: number }>();
  const calls: Call[] = [];
  for (const [line, told] of lines.entries()) {
    const [, thread = "", text = ""] = /^(\d+)\s+(.*)$/.exec(told) ?? [];
    if (text.endsWith("<unfinished ...>")) {
      unfinished.set(thread, { text, startLine: line });
      continue;
    }
    const begun = text.startsWith("<... ") ? unfinished.get(thread) : undefined;
    if (/ = -1 E\w+/.test(text)) continue;
    const { startLine = line } = begun ?? {};
    calls.push({ text: (begun?.text ?? "") + text, startLine, endLine: line });
  }
  return calls;
}

for (const { kind, sizeBytes } of [
  { kind: "small", sizeBytes: 1000 },
  { kind: "large", sizeBytes: 1024 * 1024 },
]) {
  test(`a server flushes the file, its directories and the database in this order before the 201 for a ${kind} blob`, async () => {
    const data = path.join(newFolder("flush-order"), "data");
    const berth = await startBerth(data);
    after(() => berth.kill());
    const content = contentOf(kind, sizeBytes);
    const digest = digestOf(content);
    const hex = digest.slice("sha256:".length);
    const parent = path.join(data, "blobs/sha256");
    const directory = path.join(parent, hex.slice(0, 2));
    const file = path.join(directory, hex);

    const tracing = await trace(
      berth.pid,
      ...["-f", "-y", "-s", "300"],
      ...["-e", "trace=fsync,fdatasync,rename,renameat,renameat2,openat,mkdir,write,writev,sendto"],
    );
    const target = `/v2/faults/order/blobs/uploads/?digest=${digest}`;
    await berth.wire.expect(201, "POST", target, { body: content, headers: octets });
    const lines = await tracing.end();
    const calls = callsOf(lines);

    /** The first call that matches and starts after `previous` ended. */
    const next = (what: string, matches: (text: string) => boolean, previous?: Call): Call => {
      const found = calls.find(
        ({ text, startLine }) => matches(text) && startLine > (previous?.endLine ?? -1),
      );
      const relevant = lines.filter((line) => /sync|rename|mkdir|O_CREAT|HTTP\/1.1/.test(line));
      assert.ok(found, `${what}: not found in\n${relevant.join("\n")}`);
      return found;
    };
    const isFlush = (text: string, of: string): boolean =>
      /^f(data)?sync\(/.test(text) && text.includes(of);

    const made = next("mkdir of the directory", (text) => text.startsWith(`mkdir("${directory}"`));
    const parentFlushed = next(
      "flush of the parent directory after mkdir",
      (text) => isFlush(text, `<${parent}>`),
      made,
    );
    // A small blob is written under its own name. A large one is an upload that is flushed and then renamed.
    const named =
      kind === "small"
        ? next(
            "flush of the file after it is made",
            (text) => isFlush(text, `<${file}.`),
            next(
              "open of a new file under its own name",
              (text) => /^openat\(.*O_CREAT/.test(text) && text.includes(`"${file}.`),
            ),
          )
        : next(
            "rename after the flush of the upload",
            (text) => text.startsWith("rename") && text.includes(`"${file}.`),
            next("flush of the upload", (text) => isFlush(text, `<${data}/uploads/`)),
          );
    const directoryFlushed = next(
      "flush of the directory after the file has its name",
      (text) => isFlush(text, `<${directory}>`),
      named,
    );
    const isLog = (text: string): boolean => isFlush(text, "/berth.db-wal>");
    const committed = next("flush of the database", isLog, directoryFlushed);
    const isAnswer = (text: string): boolean => text.includes('"HTTP/1.1 201 ');
    next("201 after the flush of the database", isAnswer, committed);
    next("201 after the flush of the parent directory", isAnswer, parentFlushed);
  });
}
