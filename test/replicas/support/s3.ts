import { mkdirSync } from "node:fs";
import path from "node:path";
import { createScratch } from "../../clients/support/scratch.ts";
import { accepts, freePort, startProgram, type Program } from "./program.ts";

/** An S3 server whose objects are files in `folder`. */
export interface S3 {
  readonly folder: string;
  /** The configuration of Berth for it. */
  settings(host?: string): Record<string, string>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const bucket = "berth";
const [accessKey, secretKey] = ["berth", "berth-secret"];

/** @param folder the objects of another server, for a restored bucket */
export async function startS3(folder: string = createScratch("s3")): Promise<S3> {
  mkdirSync(path.join(folder, bucket), { recursive: true });
  const port = await freePort();
  const begin = (): Promise<Program> =>
    startProgram(
      ["versitygw", "--quiet", "--keep-alive", "--port", `0.0.0.0:${port}`, "posix", folder],
      {
        env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
        isReady: () => accepts(port),
      },
    );
  let running = await begin();
  return {
    folder,
    settings: (host = "127.0.0.1") => ({
      BERTH_STORAGE_DRIVER: "s3",
      BERTH_STORAGE_S3_BUCKET: bucket,
      BERTH_STORAGE_S3_ENDPOINT: `http://${host}:${port}`,
      BERTH_STORAGE_S3_FORCE_PATH_STYLE: "true",
      BERTH_STORAGE_S3_ACCESS_KEY_ID: accessKey,
      BERTH_STORAGE_S3_SECRET_ACCESS_KEY: secretKey,
      BERTH_STORAGE_S3_PART_SIZE: "5MiB",
    }),
    async stop() {
      await running.end("SIGKILL");
    },
    async start() {
      running = await begin();
    },
  };
}
