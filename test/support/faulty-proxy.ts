import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** A fault that the proxy applies to a response. */
export type Fault =
  | { readonly kind: "status"; readonly status: number; readonly headers?: Record<string, string> }
  | { readonly kind: "hang" }
  | { readonly kind: "html" }
  /** Changes one byte. In a manifest it changes a digit of a size, so that the JSON stays valid. */
  | { readonly kind: "corrupt" }
  /** Ends the connection after `atByte` bytes of the body, when the promise resolves. */
  | { readonly kind: "cut"; readonly atByte: number; readonly when?: Promise<unknown> }
  /** Pauses after `atByte` bytes of the body until the promise resolves. */
  | { readonly kind: "stall"; readonly atByte: number; readonly until: Promise<unknown> }
  | { readonly kind: "redirect"; readonly to: string };

export interface FaultyProxy {
  readonly url: string;
  readonly port: number;
  /** The number of requests by `METHOD path`. */
  readonly counts: ReadonlyMap<string, number>;
  /** The headers of each request, in order. */
  readonly seen: readonly {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingMessage["headers"];
  }[];
  /** The number of requests with this method and a matching path. */
  count(method: string, path?: RegExp): number;
  reset(): void;
  /** Applies `fault` to the next `times` matching requests, by default to all. `undefined` removes the fault. */
  fail(fault: Fault | undefined, path?: RegExp, times?: number): void;
  /** Limits each response body to so many bytes per second. */
  rate(bytesPerSecond: number | undefined): void;
  /** Delays each response by so many milliseconds, as network latency does. */
  distance(ms: number): void;
  close(): Promise<void>;
}

/** A proxy in front of a registry. It counts requests, and is slow or faulty on demand. */
export async function startFaultyProxy(targetPort: number): Promise<FaultyProxy> {
  const counts = new Map<string, number>();
  const seen: { method: string; url: string; headers: IncomingMessage["headers"] }[] = [];
  let fault: Fault | undefined;
  let faultyPath = /./;
  let faultsLeft = Infinity;
  let bytesPerSecond: number | undefined;

  const faultOf = (url: string): Fault | undefined => {
    if (fault === undefined || !faultyPath.test(url) || faultsLeft <= 0) return undefined;
    faultsLeft -= 1;
    return fault;
  };

  const forward = async (
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    chosen: Fault | undefined,
  ): Promise<void> => {
    const { method, url = "/", headers } = incoming;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        { host: "127.0.0.1", port: targetPort, method, path: url, headers },
        resolve,
      );
      sent.on("error", reject);
      incoming.pipe(sent);
    });
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    // When the client disconnects, the upstream response is destroyed. Otherwise it would stay unread and open.
    const left = once(outgoing, "close");
    let sent = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const bytes = Buffer.from(chunk);
      if (chosen?.kind === "corrupt" && sent === 0 && bytes.length > 0) {
        const size = bytes.lastIndexOf('"size":');
        const at = size === -1 ? bytes.length - 1 : size + '"size":'.length;
        bytes[at] = (bytes[at] ?? 0) ^ 1;
      }
      if (chosen?.kind === "cut" && sent + bytes.length > chosen.atByte) {
        // The bytes before the cut must reach the client.
        outgoing.write(bytes.subarray(0, Math.max(0, chosen.atByte - sent)));
        await chosen.when;
        outgoing.socket?.end();
        return;
      }
      if (chosen?.kind === "stall" && sent + bytes.length > chosen.atByte) {
        const first = bytes.subarray(0, Math.max(0, chosen.atByte - sent));
        outgoing.write(first);
        await Promise.race([chosen.until, left]);
        if (outgoing.destroyed) return;
        outgoing.write(bytes.subarray(first.length));
        sent += bytes.length;
        continue;
      }
      sent += bytes.length;
      await new Promise<void>((resolve) => outgoing.write(bytes, () => resolve()));
      if (bytesPerSecond !== undefined) await pause((bytes.length * 1000) / bytesPerSecond);
      if (outgoing.destroyed) return;
    }
    outgoing.end();
  };

  let awayMs = 0;
  const serve = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = "", url = "/" } = incoming;
    const key = `${method} ${url}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    seen.push({ method, url, headers: incoming.headers });
    const chosen = faultOf(url);
    switch (chosen?.kind) {
      case "status":
        outgoing.writeHead(chosen.status, {
          "Content-Type": "application/json",
          ...chosen.headers,
        });
        outgoing.end('{"errors":[]}');
        return;
      case "hang":
        return;
      case "html":
        outgoing.writeHead(200, { "Content-Type": "text/html" });
        outgoing.end("<html>log in first</html>");
        return;
      case "redirect":
        outgoing.writeHead(307, { Location: `${chosen.to}${url}` });
        outgoing.end();
        return;
      case "corrupt":
      case "cut":
      case "stall":
      case undefined:
        forward(incoming, outgoing, chosen).catch(() => outgoing.destroy());
    }
  };
  const server = createServer((incoming, outgoing) => {
    if (awayMs === 0) serve(incoming, outgoing);
    else setTimeout(serve, awayMs, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    counts,
    seen,
    count: (method, path = /./) =>
      [...counts]
        .filter(([key]) => key.startsWith(`${method} `) && path.test(key))
        .reduce((sum, [, number]) => sum + number, 0),
    reset() {
      counts.clear();
      seen.length = 0;
    },
    fail(next, path = /./, times = Infinity) {
      fault = next;
      faultyPath = path;
      faultsLeft = times;
    },
    rate(next) {
      bytesPerSecond = next;
    },
    distance(ms) {
      awayMs = ms;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
