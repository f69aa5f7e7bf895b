import assert from "node:assert/strict";
import type { Digest } from "../../src/oci/digest.ts";
import { OCI_INDEX } from "../../src/oci/media-types.ts";
import { collect, type TestBerth } from "../support/berth.ts";
import type { Model, Outcome, Session } from "./model.ts";

export const of = <T>(list: readonly T[], place: number): T => {
  const item = list[place % list.length];
  assert.ok(item !== undefined);
  return item;
};

/** Asserts that the registry has all content of the model, and nothing that the model does not have. */
export async function checkEverything(model: Model, berth: TestBerth): Promise<void> {
  const { universe } = model;
  await checkCatalog(model, berth);
  for (const session of model.sessions) await checkSession(session, berth);
  await Promise.all(universe.repositories.map((name) => checkRepository(name, model, berth)));
}

export async function checkRepository(name: string, model: Model, berth: TestBerth): Promise<void> {
  const { universe } = model;
  await checkTags(model, berth, name, undefined, undefined);
  for (const { digest } of universe.blobs) await checkBlob(model, berth, name, digest);
  await checkBlob(model, berth, name, universe.foreign);
  for (const tag of universe.tags) await checkManifest(model, berth, name, tag);
  for (const digest of universe.manifests.flatMap(({ digests }) => digests)) {
    await checkManifest(model, berth, name, digest);
    await checkReferrers(model, berth, name, digest, undefined);
  }
}

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: {
    readonly errors?: readonly { readonly code: string; readonly detail?: unknown }[];
  };
}

export function agree({ status, body }: Answer, expected: Outcome): void {
  const code = body?.errors?.[0]?.code;
  const said = code === undefined ? status : [status, code];
  assert.deepEqual(said, expected);
}

export const rangeOf = (session: Session): string => `0-${Math.max(0, session.bytes.length - 1)}`;

export async function checkSession(session: Session, berth: TestBerth): Promise<void> {
  const answer = await berth.api.get(session.location);
  agree(answer, session.open ? 204 : [404, "BLOB_UPLOAD_UNKNOWN"]);
  if (session.open) assert.equal(answer.headers["range"], rangeOf(session));
}

export async function checkBlob(
  model: Model,
  berth: TestBerth,
  name: string,
  digest: Digest,
): Promise<void> {
  const bytes = model.blob(name, digest);
  await checkContent(berth, `/v2/${name}/blobs/${digest}`, {
    absent: model.unknown(name, "BLOB_UNKNOWN"),
    present: bytes && { bytes, digest, type: "application/octet-stream" },
  });
}

export async function checkManifest(
  model: Model,
  berth: TestBerth,
  name: string,
  reference: string,
): Promise<void> {
  const found = model.manifest(name, reference);
  await checkContent(berth, `/v2/${name}/manifests/${reference}`, {
    absent: model.unknown(name, "MANIFEST_UNKNOWN"),
    present: found && {
      bytes: found.manifest.bytes,
      digest: found.digest,
      type: found.manifest.mediaType,
    },
  });
}

async function checkContent(
  berth: TestBerth,
  path: string,
  expected: {
    readonly absent: Outcome;
    readonly present:
      | { readonly bytes: Buffer; readonly digest: Digest; readonly type: string }
      | undefined;
  },
): Promise<void> {
  const { absent, present } = expected;
  const head = await berth.api.head(path);
  if (present === undefined) {
    agree(await berth.api.get(path), absent);
    assert.equal(head.status, 404);
    return;
  }
  const got = await berth.api.get(path).buffer(true).parse(collect);
  for (const { status, headers } of [head, got]) {
    assert.equal(status, 200, path);
    assert.equal(headers["content-type"], present.type);
    assert.equal(headers["content-length"], String(present.bytes.length));
    assert.equal(headers["docker-content-digest"], present.digest);
    assert.equal(headers["etag"], `"${present.digest}"`);
  }
  assert.equal(Buffer.compare(got.body, present.bytes), 0);
}

export async function checkTags(
  model: Model,
  berth: TestBerth,
  name: string,
  n: number | undefined,
  last: string | undefined,
): Promise<void> {
  const parameters = [
    ...(n === undefined ? [] : [`n=${n}`]),
    ...(last === undefined ? [] : [`last=${last}`]),
  ];
  const answer = await berth.api.get(`/v2/${name}/tags/list?${parameters.join("&")}`);
  const all = model.tagsOf(name);
  if (all === undefined) return agree(answer, [404, "NAME_UNKNOWN"]);
  const behind = all.filter((tag) => last === undefined || tag > last);
  const page = behind.slice(0, n);
  assert.deepEqual(answer.body, { name, tags: page });
  const more = page.length < behind.length && page.length > 0;
  const link = `</v2/${name}/tags/list?last=${page.at(-1)}&n=${n}>; rel="next"`;
  assert.equal(answer.headers["link"], more ? link : undefined);
}

export async function checkReferrers(
  model: Model,
  berth: TestBerth,
  name: string,
  subject: Digest,
  artifactType: string | undefined,
): Promise<void> {
  const filter =
    artifactType === undefined ? "" : `?artifactType=${encodeURIComponent(artifactType)}`;
  const { status, headers, body } = await berth.api
    .get(`/v2/${name}/referrers/${subject}${filter}`)
    .buffer(true)
    .parse(collect);
  assert.equal(status, 200);
  assert.equal(headers["content-type"], OCI_INDEX);
  assert.deepEqual(JSON.parse(body.toString()), {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: model.referrers(name, subject, artifactType),
  });
}

/** Compares only the repositories of this run. Other runs share the server. */
export async function checkCatalog(model: Model, berth: TestBerth): Promise<void> {
  const [salt] = of(model.universe.repositories, 0).split("/");
  const { body } = await berth.api.get(`/v2/_catalog?last=${salt}`).expect(200);
  const own = body.repositories.filter((name: string) => name.startsWith(`${salt}/`));
  assert.deepEqual(own, model.names());
}
