import { setTimeout as pause } from "node:timers/promises";
import { digestOf, type Digest } from "../../../src/oci/digest.ts";
import { contentOf } from "../../crash/content.ts";
import type { Ledger } from "../../crash/ledger.ts";
import { octets, withDigest } from "../../crash/uploader.ts";
import type { Answer, Wire } from "../../crash/wire.ts";
import { waitUntil } from "../../support/wait.ts";
import type { Berth } from "./berth.ts";

const KiB = 1024;
const largeBytes = 900 * KiB;
const imageType = "application/vnd.oci.image.manifest.v1+json";

/** A write request and its answer. */
export interface Attempt {
  readonly way: string;
  readonly answer: Answer;
  readonly repository: string;
  /** The digest of the blob that the request pushes. */
  readonly digest: Digest | undefined;
}

/**
 * Sends every kind of write request, whatever the answers are, and adds each 201 to the ledger. The same name writes
 * the same content.
 */
export async function tryAllWays(
  wire: Wire,
  ledger: Ledger,
  name: string,
  repository = "faults/ways",
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  const uploads = `/v2/${repository}/blobs/uploads/`;
  const attempt = async (
    way: string,
    target: string,
    { body, creates }: { readonly body?: Buffer; readonly creates?: Buffer } = {},
  ): Promise<Answer> => {
    const [method = ""] = way.split(" ");
    const message = body === undefined ? {} : { body, headers: octets };
    const answer = await wire.send(method, target, message);
    const digest = creates === undefined ? undefined : digestOf(creates);
    attempts.push({ way, answer, repository, digest });
    if (answer.status === 201 && creates !== undefined)
      ledger.blobs.push({ repository, digest: digestOf(creates), sizeBytes: creates.length });
    return answer;
  };

  for (const sizeBytes of [500, largeBytes]) {
    const body = contentOf(`${name}/whole/${sizeBytes}`, sizeBytes);
    const target = `${uploads}?digest=${digestOf(body)}`;
    await attempt(`POST of ${sizeBytes} bytes`, target, { body, creates: body });
  }
  for (const way of ["PATCH", "PUT"] as const) {
    const bytes = contentOf(`${name}/${way}`, largeBytes);
    let { status, headers } = await attempt("POST", uploads);
    if (status === 202 && way === "PATCH")
      ({ status, headers } = await attempt("PATCH", headers.location ?? "", { body: bytes }));
    if (status !== 202) continue;
    const body = way === "PUT" ? { body: bytes } : {};
    const target = withDigest(headers.location ?? "", digestOf(bytes));
    await attempt(`PUT with ${way}`, target, { ...body, creates: bytes });
  }
  const [held] = ledger.blobs;
  if (held !== undefined) {
    const mounting = `/v2/${repository}/${name}/blobs/uploads/?mount=${held.digest}&from=${held.repository}`;
    await attempt("POST to mount", mounting);
  }

  const config = ledger.blobs.find((blob) => blob.repository === repository);
  if (config === undefined) return attempts;
  const manifest = manifestOf(config, name);
  const target = `/v2/${repository}/manifests/${name}`;
  const message = { body: manifest, headers: { "Content-Type": imageType } };
  const answer = await wire.send("PUT", target, message);
  attempts.push({ way: "PUT of a manifest", answer, repository, digest: undefined });
  if (answer.status === 201)
    ledger.images.push({ repository, tag: name, digest: digestOf(manifest), manifest });
  return attempts;
}

function manifestOf(
  { digest, sizeBytes }: { readonly digest: Digest; readonly sizeBytes: number },
  name: string,
): Buffer {
  const config = { mediaType: octets["Content-Type"], digest, size: sizeBytes };
  const annotations = { name };
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: imageType, config, layers: [], annotations }),
  );
}

export const isRefused = ({ answer }: Attempt): boolean => answer.status >= 300;

/** Lists the answers that are neither a success nor one of these statuses with an error body of the specification. */
export function misanswered(attempts: readonly Attempt[], statuses: readonly number[]): string[] {
  return attempts
    .filter(isRefused)
    .filter(({ answer }) => !statuses.includes(answer.status) || !hasErrors(answer))
    .map(({ way, answer }) => `${way}: ${answer.status} ${String(answer.body).slice(0, 200)}`);
}

export function hasErrors({ body }: Answer): boolean {
  try {
    const { errors } = JSON.parse(String(body)) as { readonly errors?: readonly unknown[] };
    return Array.isArray(errors) && errors.length > 0;
  } catch {
    return false;
  }
}

/** Waits until /readyz answers 200. Resolves with the time in milliseconds; throws with the last answer. */
export async function becomesReady({ wire }: Berth, withinMs = 10_000): Promise<number> {
  const before = performance.now();
  for (;;) {
    const { status, body } = await wire.send("GET", "/readyz");
    const tookMs = performance.now() - before;
    if (status === 200) return tookMs;
    if (tookMs > withinMs) throw new Error(`not ready after ${withinMs} ms: ${String(body)}`);
    await pause(50);
  }
}

/** Waits until /readyz answers 503 with this reason. The server caches the answer for two seconds. */
export async function saysWhy({ wire }: Berth, reason: RegExp): Promise<void> {
  await waitUntil(`readiness says ${String(reason)}`, async () => {
    const { status, body } = await wire.send("GET", "/readyz");
    return status === 503 && reason.test(String(body));
  });
}
