import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as pause } from "node:timers/promises";
import type { Certificate } from "./certificate.ts";

/** The credentials and the bucket. */
export const s3Access = { bucket: "bench", accessKeyId: "bench", secretAccessKey: "bench-secret" };

export interface RunningS3 {
  readonly endpoint: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** An S3 server whose objects are files below `folder`. With a certificate it accepts only https. */
export async function startVersitygw(
  command: string,
  folder: string,
  tls?: Certificate,
): Promise<RunningS3> {
  mkdirSync(path.join(folder, s3Access.bucket), { recursive: true });
  const port = await freePort();
  const child = spawn(
    command,
    ["--quiet", "--keep-alive", "--port", `127.0.0.1:${port}`].concat(
      tls === undefined ? [] : ["--cert", tls.certificate, "--key", tls.key],
      ["posix", folder],
    ),
    {
      env: {
        PATH: process.env["PATH"],
        ROOT_ACCESS_KEY: s3Access.accessKeyId,
        ROOT_SECRET_KEY: s3Access.secretAccessKey,
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const ended = once(child, "exit");
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  for (let tries = 0; tries < 200; tries += 1) {
    if (await accepts(port)) return { endpoint, pid: child.pid ?? 0, stop };
    await pause(50);
  }
  await stop();
  throw new Error("the S3 server did not start");
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
