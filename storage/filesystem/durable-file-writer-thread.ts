import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import path from "node:path";
import { parentPort, receiveMessageOnPort } from "node:worker_threads";
import { serializeError, type SerializedError } from "../../src/concurrency/serialized-error.ts";
import type { FileAnswer, FileRequest } from "./durable-file-writer.ts";

/*
 * A thread that writes small files in batches. It writes all files of the batch, flushes each file, and then flushes
 * each directory once. A failed flush is final: the kernel may have dropped the bytes, and a second flush would report
 * success.
 */

/** The largest batch, so that the first file of a long queue does not wait for the last one. */
const atMostTogether = 16;

function writeWhole(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    const written = writeSync(file, bytes, at, bytes.length - at, at);
    if (written === 0) throw new Error("the kernel has written 0 bytes");
    at += written;
  }
}

function flushDirectory(directory: string): void {
  const file = openSync(directory, "r");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function performTogether(requests: readonly FileRequest[]): readonly FileAnswer[] {
  const failures = new Map<FileRequest, SerializedError>();
  const made = new Map<FileRequest, number>();
  const fail = (request: FileRequest, error: unknown): void => {
    failures.set(request, serializeError(error));
    if (!made.has(request)) return;
    try {
      unlinkSync(request.target);
    } catch {
      // The remaining file has no row; the collector deletes it.
    }
  };

  for (const request of requests) {
    try {
      const file = openSync(request.target, "wx", 0o640);
      made.set(request, file);
      writeWhole(file, request.bytes);
    } catch (error) {
      fail(request, error);
    }
  }
  for (const [request, file] of made) {
    try {
      try {
        if (!failures.has(request)) fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      fail(request, error);
    }
  }
  const kept = [...made.keys()].filter((request) => !failures.has(request));
  for (const directory of new Set(kept.map(({ target }) => path.dirname(target)))) {
    try {
      flushDirectory(directory);
    } catch (error) {
      for (const request of kept)
        if (path.dirname(request.target) === directory) fail(request, error);
    }
  }
  return requests.map((request) => {
    const failure = failures.get(request);
    return failure === undefined ? { id: request.id } : { id: request.id, failure };
  });
}

if (parentPort === null) throw new Error("this file runs only in a worker thread");
const port = parentPort;
port.on("message", (first: FileRequest) => {
  const requests = [first];
  while (requests.length < atMostTogether) {
    const received = receiveMessageOnPort(port);
    if (received === undefined) break;
    requests.push(received.message as FileRequest);
  }
  port.postMessage(performTogether(requests));
});
