/**
 * A client that transfers many bytes with little memory. It is a separate process, so that its CPU time and memory are
 * not counted as the server's:
 *
 *   byte-client.ts push URL REPOSITORY BYTES SEED    one PATCH with chunked transfer coding, then PUT, as docker does
 *   byte-client.ts pull URL REPOSITORY DIGEST BYTES  GET, hashing on the way
 *   byte-client.ts swarm URL REPOSITORY BYTES COUNT  COUNT concurrent pushes
 *
 * Prints one line of JSON; exits with 1 if an answer is not the expected one.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import process from "node:process";

const MiB = 1024 * 1024;
const [command = "", url = "", repository = "", ...rest] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true });

interface Pushed {
  readonly digest: string;
  readonly bodySeconds: number;
  readonly closeSeconds: number;
}

async function push(name: string, sizeBytes: number, seed: number): Promise<Pushed> {
  const session = await send("POST", `/v2/${name}/blobs/uploads/`, 202);
  const begunAtMs = performance.now();
  const hash = createHash("sha256");
  const patch = http.request(new URL(session.headers.location ?? "", url), {
    method: "PATCH",
    agent,
    headers: { "Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked" },
  });
  const answered = once(patch, "response") as Promise<[IncomingMessage]>;
  // Two blocks alternate: the socket may still read one block while the next is filled.
  const blocks = [block(seed), block(seed)] as const;
  for (let sent = 0, count = 0; sent < sizeBytes; count += 1) {
    const bytes = blocks[count % 2 === 0 ? 0 : 1].subarray(0, Math.min(MiB, sizeBytes - sent));
    if (bytes.length >= 8) bytes.writeUInt32LE(count);
    hash.update(bytes);
    await new Promise<void>((resolve, reject) => {
      patch.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    sent += bytes.length;
  }
  patch.end();
  const [appended] = await answered;
  expect(appended, 202);
  appended.resume();
  const bodyAtMs = performance.now();
  const digest = `sha256:${hash.digest("hex")}`;
  await send("PUT", `${appended.headers.location ?? ""}&digest=${digest}`, 201);
  return {
    digest,
    bodySeconds: (bodyAtMs - begunAtMs) / 1000,
    closeSeconds: (performance.now() - bodyAtMs) / 1000,
  };
}

async function pull(digest: string, sizeBytes: number): Promise<object> {
  const begunAtMs = performance.now();
  const request = http.get(new URL(`/v2/${repository}/blobs/${digest}`, url), { agent });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response, 200);
  const hash = createHash("sha256");
  let received = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    hash.update(piece);
    received += piece.length;
  }
  if (received !== sizeBytes || `sha256:${hash.digest("hex")}` !== digest)
    throw new Error(`pulled ${received} bytes, and not those of ${digest}`);
  return { seconds: (performance.now() - begunAtMs) / 1000 };
}

async function swarm(sizeBytes: number, count: number): Promise<object> {
  const begunAtMs = performance.now();
  const pushes = Array.from({ length: count }, (_, index) =>
    push(`${repository}-${index % 5}`, sizeBytes, index + 1),
  );
  const pushed = await Promise.all(pushes);
  if (new Set(pushed.map(({ digest }) => digest)).size !== count)
    throw new Error("two pushes had the same bytes");
  return { seconds: (performance.now() - begunAtMs) / 1000 };
}

async function send(method: string, target: string, status: number): Promise<IncomingMessage> {
  const request = http.request(new URL(target, url), { method, agent }).end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  expect(response, status);
  return response.resume();
}

function expect(response: IncomingMessage, status: number): void {
  if (response.statusCode !== status)
    throw new Error(`${response.statusCode} instead of ${status}`);
}

function block(seed: number): Buffer {
  const bytes = Buffer.alloc(MiB, `berth ${seed} `);
  bytes.writeUInt32LE(seed, 4);
  return bytes;
}

async function run(): Promise<object> {
  switch (command) {
    case "push":
      return await push(repository, Number(rest[0]), Number(rest[1]));
    case "pull":
      return await pull(rest[0] ?? "", Number(rest[1]));
    case "swarm":
      return await swarm(Number(rest[0]), Number(rest[1]));
    default:
      throw new Error(`no such command: ${command}`);
  }
}

process.stdout.write(`${JSON.stringify(await run())}\n`);
agent.destroy();
