import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { digestOf } from "../../src/oci/digest.ts";
import { berth, launch } from "../cli/support.ts";
import { ociManifest } from "../support/berth.ts";
import { temporaryFolder } from "../support/temporary.ts";
import type { Known } from "./values.ts";

const secret = "a long password for the fuzzer";
const users = ["root", "mia", "tom"];

export interface FuzzedServer {
  readonly data: string;
  readonly port: number;
  readonly known: Known;
  /** Requests new bearer tokens, because the tokens expire after minutes and the requests may revoke them. */
  renew(): Promise<void>;
  /** Resident memory of the process and its children, in bytes. */
  residentBytes(): number;
  hasEnded(): boolean;
  /** Sends SIGTERM. Resolves with the exit code and the log. */
  end(): Promise<{ readonly code: number | null; readonly log: string }>;
}

/** Starts a Berth process with some images, and with accounts unless it is in open mode. */
export async function startServer(env: Readonly<Record<string, string>>): Promise<FuzzedServer> {
  const data = path.join(temporaryFolder(), "data");
  const isOpen = env["BERTH_AUTH_OPEN"] === "true";
  const args = ["serve", "--data", data, "--listen", "127.0.0.1:0"];
  const running = await launch(args, { BERTH_LOG_LEVEL: "warn", ...env });
  const url = /listens on (http:\/\/\S+)/.exec(await running.until("docker push"))?.[1] ?? "";
  if (!isOpen) await addAccounts(data);
  const known: Known = {
    repositories: ["team/app", "mia/private", "team/index", "library/alpine", "nobody/nothing"],
    ...{ digests: [], tags: ["1", "2", "latest"], uploads: [] },
    accounts: [...users, "team", "nobody"],
    credentials: [],
    manifests: [],
  };
  const basic = isOpen ? {} : { Authorization: basicOf("mia") };
  for (const repository of known.repositories.slice(0, 4)) {
    const owner =
      repository === "library/alpine" && !isOpen ? { Authorization: basicOf("root") } : basic;
    await pushImage(url, repository, owner, known);
  }
  const pid = running.child.pid ?? 0;
  let hasEnded = false;
  void running.ended.then(() => (hasEnded = true));
  return {
    ...{ data, known },
    port: Number(new URL(url).port),
    renew: async () => {
      if (!isOpen) known.credentials.splice(0, Infinity, ...(await credentials(url)));
    },
    residentBytes: () => residentBytes(pid),
    hasEnded: () => hasEnded,
    async end() {
      running.child.kill("SIGTERM");
      const { code, stderr } = await running.ended;
      return { code, log: stderr };
    },
  };
}

const basicOf = (name: string): string =>
  `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

async function addAccounts(data: string): Promise<void> {
  const run = async (words: string, input?: string): Promise<void> => {
    const { code, stderr } = await berth([...words.split(" "), "--data", data], {}, input);
    assert.equal(code, 0, stderr);
  };
  for (const name of users)
    await run(`user add ${name}${name === "root" ? " --admin" : ""}`, `${secret}\n`);
  await run("org add team --owner mia");
}

/** Pushes an image with unique blobs, and an index with this image. */
async function pushImage(
  url: string,
  repository: string,
  authorization: Readonly<Record<string, string>>,
  known: Known,
): Promise<void> {
  const send = async (
    method: string,
    target: string,
    type: string,
    body: string,
  ): Promise<void> => {
    const headers = { ...authorization, "Content-Type": type };
    const response = await fetch(new URL(target, url), { method, headers, body });
    assert.equal(response.status, 201, await response.text());
  };
  const descriptor = async (mediaType: string, content: string): Promise<object> => {
    const digest = digestOf(Buffer.from(content));
    await send(
      "POST",
      `/v2/${repository}/blobs/uploads/?digest=${digest}`,
      "application/octet-stream",
      content,
    );
    known.digests.push(digest);
    return { mediaType, digest, size: content.length };
  };
  const config = JSON.stringify({
    os: "linux",
    architecture: "amd64",
    history: [],
    for: repository,
  });
  const image = JSON.stringify({
    schemaVersion: 2,
    mediaType: ociManifest,
    config: await descriptor("application/vnd.oci.image.config.v1+json", config),
    layers: [await descriptor("application/vnd.oci.image.layer.v1.tar", `layer of ${repository}`)],
  });
  const child = {
    mediaType: ociManifest,
    digest: digestOf(Buffer.from(image)),
    size: image.length,
  };
  const indexType = "application/vnd.oci.image.index.v1+json";
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [child] });
  await send("PUT", `/v2/${repository}/manifests/1`, ociManifest, image);
  await send("PUT", `/v2/${repository}/manifests/2`, indexType, index);
  known.digests.push(child.digest, digestOf(Buffer.from(index)));
  known.manifests.push(Buffer.from(image), Buffer.from(index));
}

/** Header lines `Authorization: …`: password, session and bearer token of each user, and an invalid token. */
async function credentials(url: string): Promise<string[]> {
  const json = { "Content-Type": "application/json" };
  const lines = ["Authorization: Bearer a.b.c"];
  for (const name of users) {
    // The password is valid for all APIs, each token only for one. So the password is added four times.
    lines.push(...Array.from({ length: 4 }, () => `Authorization: ${basicOf(name)}`));
    const login = await fetch(new URL("/v2/users/login", url), {
      ...{ method: "POST", headers: json },
      body: JSON.stringify({ username: name, password: secret }),
    });
    const session = (await login.json()) as { readonly token?: string };
    if (session.token !== undefined) lines.push(`Authorization: Bearer ${session.token}`);
    const scope = "repository:team/app:pull,push,delete";
    const asked = await fetch(
      new URL(`/token?service=berth&scope=${scope}&scope=registry:catalog:*`, url),
      {
        headers: { Authorization: basicOf(name) },
      },
    );
    const granted = (await asked.json()) as { readonly token?: string };
    if (granted.token !== undefined) lines.push(`Authorization: Bearer ${granted.token}`);
  }
  return lines;
}

function residentBytes(pid: number): number {
  const proc = `/proc/${pid}`;
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`${proc}/status`, "utf8"))?.[1]);
  const children = readFileSync(`${proc}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  return children.reduce((sum, child) => sum + residentBytes(Number(child)), kilobytes * 1024);
}
