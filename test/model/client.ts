import assert from "node:assert/strict";
import type { Test } from "supertest";
import { isEmptyDigest, type Digest } from "../../src/oci/digest.ts";
import { OciError } from "../../src/oci/errors.ts";
import { putManifest, type TestBerth } from "../support/berth.ts";
import {
  agree,
  checkBlob,
  checkCatalog,
  checkManifest,
  checkReferrers,
  checkRepository,
  checkSession,
  checkTags,
  of,
  rangeOf,
} from "./checks.ts";
import type { Command, Range, Reference } from "./commands.ts";
import type { Model, Session } from "./model.ts";
import { repositoryCount } from "./universe.ts";

/** Runs the command on the registry and on the model, and compares the answers. */
export async function perform(command: Command, model: Model, berth: TestBerth): Promise<void> {
  const { universe } = model;
  const repository = (place: number): string => of(universe.repositories, place);
  const digestOfBlob = (place: number): Digest => universe.blobs[place]?.digest ?? universe.foreign;

  switch (command.do) {
    case "start": {
      const name = repository(command.repository);
      const query = command.hint ? "?digest-algorithm=sha512" : "";
      const { headers } = await berth.api.post(`/v2/${name}/blobs/uploads/${query}`).expect(202);
      model.begin(name, String(headers["location"]));
      return;
    }
    case "append": {
      const session = sessionAt(model, command.session);
      if (session === undefined) return;
      // The next part of a blob, so that some sessions have the right bytes when they are closed.
      const { bytes } = of(universe.blobs, command.blob);
      const rest = bytes.subarray(session.bytes.length);
      const part = rest.subarray(0, Math.ceil((rest.length * command.share) / 4));
      const { offset, request } = ranged(
        berth.api.patch(session.location),
        session,
        command.range,
        part,
      );
      const answer = await send(request, part);
      agree(answer, model.append(session, part, offset));
      if (answer.status !== 404) assert.equal(answer.headers["range"], rangeOf(session));
      return;
    }
    case "close": {
      const session = sessionAt(model, command.session);
      if (session === undefined) return;
      const { bytes, digest } = of(universe.blobs, command.blob);
      const last = command.last ? bytes.subarray(session.bytes.length) : Buffer.of();
      const closing = berth.api.put(`${session.location}&digest=${digest}`);
      const { offset, request } = ranged(closing, session, command.range, last);
      const answer = await send(request, last);
      agree(answer, model.close(session, digest, last, offset));
      if (answer.status === 201) {
        assert.equal(answer.headers["location"], `/v2/${session.repository}/blobs/${digest}`);
        assert.equal(answer.headers["docker-content-digest"], digest);
      }
      return;
    }
    case "cancel": {
      const session = sessionAt(model, command.session);
      if (session === undefined) return;
      agree(await berth.api.delete(session.location), model.cancel(session));
      return;
    }
    case "status": {
      const session = sessionAt(model, command.session);
      if (session !== undefined) await checkSession(session, berth);
      return;
    }
    case "pushWhole":
      return pushWhole(
        model,
        berth,
        repository(command.repository),
        of(universe.blobs, command.blob).bytes,
        of(universe.blobs, command.claim).digest,
      );
    case "mount": {
      const name = repository(command.repository);
      const digest = digestOfBlob(command.blob);
      const named = universe.repositories[command.from ?? repositoryCount] ?? "no/such/repository";
      // Other runs on this server have the empty blob, too, so its source is always named.
      const from = command.from === undefined && !isEmptyDigest(digest) ? undefined : named;
      const query = from === undefined ? "" : `&from=${from}`;
      const answer = await berth.api.post(`/v2/${name}/blobs/uploads/?mount=${digest}${query}`);
      agree(answer, model.mount(name, digest, from));
      const location = String(answer.headers["location"]);
      if (answer.status === 202) model.begin(name, location);
      else assert.equal(location, `/v2/${name}/blobs/${digest}`);
      return;
    }
    case "deleteBlob": {
      const name = repository(command.repository);
      const digest = digestOfBlob(command.blob);
      const answer = await berth.api.delete(`/v2/${name}/blobs/${digest}`);
      agree(answer, model.deleteBlob(name, digest));
      return checkBlob(model, berth, name, digest);
    }
    case "readBlob":
      return checkBlob(model, berth, repository(command.repository), digestOfBlob(command.blob));
    case "putByTag": {
      const manifest = of(universe.manifests, command.manifest);
      const name = repository(command.repository);
      return put(model, berth, name, command.manifest, manifest.digests[0], command.tag);
    }
    case "putByDigest": {
      const digest = of(of(universe.manifests, command.claim).digests, command.which);
      const name = repository(command.repository);
      return put(model, berth, name, command.manifest, digest, command.tags);
    }
    case "pushImage": {
      const name = repository(command.repository);
      const { required, digests } = of(universe.manifests, command.manifest);
      for (const blob of universe.blobs)
        if (required.includes(blob.digest))
          await pushWhole(model, berth, name, blob.bytes, blob.digest);
      return put(model, berth, name, command.manifest, digests[0], command.tag);
    }
    case "deleteManifest": {
      const name = repository(command.repository);
      const reference = textOf(model, command.reference);
      const answer = await berth.api.delete(`/v2/${name}/manifests/${reference}`);
      agree(answer, model.deleteManifest(name, reference));
      return checkManifest(model, berth, name, reference);
    }
    case "readManifest": {
      const reference = textOf(model, command.reference);
      return checkManifest(model, berth, repository(command.repository), reference);
    }
    case "listTags":
      return checkTags(model, berth, repository(command.repository), command.n, command.last);
    case "referrers": {
      const subject = of(of(universe.manifests, command.subject).digests, command.which);
      const name = repository(command.repository);
      return checkReferrers(model, berth, name, subject, command.artifactType);
    }
    case "deleteRepository": {
      // Only the server process can reach blobs in memory.
      if (berth.config.storage.driver === "memory") return;
      const name = repository(command.repository);
      const deleted = await berth.deleteRepository(name).then(
        () => true,
        (error: unknown) => {
          if (error instanceof OciError && error.code === "NAME_UNKNOWN") return false;
          throw error;
        },
      );
      assert.equal(deleted, model.deleteRepository(name));
      return checkRepository(name, model, berth);
    }
    case "catalog":
      return checkCatalog(model, berth);
    case "restart":
      // The memory driver loses its blobs at a restart, as designed.
      if (berth.config.storage.driver !== "memory") await berth.restart();
      return;
  }
}

const send = (request: Test, bytes: Buffer): Test =>
  request.set("Content-Type", "application/octet-stream").send(bytes);

function sessionAt(model: Model, place: number): Session | undefined {
  // Counts from the newest session, because old sessions are mostly closed.
  return model.sessions.at(-1 - place);
}

const textOf = ({ universe }: Model, reference: Reference): string =>
  "tag" in reference
    ? reference.tag
    : of(of(universe.manifests, reference.manifest).digests, reference.which);

/** Adds the Content-Range of the command. A request without bytes has none. */
function ranged(request: Test, session: Session, range: Range, part: Buffer) {
  if (range === "none" || part.length === 0) return { request, offset: undefined };
  const offset = session.bytes.length + (range === "wrong" ? 1 : 0);
  return { request: request.set("Content-Range", `${offset}-${offset + part.length - 1}`), offset };
}

async function pushWhole(
  model: Model,
  berth: TestBerth,
  name: string,
  bytes: Buffer,
  digest: Digest,
): Promise<void> {
  const request = berth.api.post(`/v2/${name}/blobs/uploads/?digest=${digest}`);
  const answer = await send(request, bytes);
  agree(answer, model.pushWhole(name, digest, bytes));
  if (answer.status === 202) model.begin(name, String(answer.headers["location"]));
}

/** Pushes by one tag, or by digest with any number of tags. */
async function put(
  model: Model,
  berth: TestBerth,
  name: string,
  place: number,
  digest: Digest,
  tags: string | readonly string[],
): Promise<void> {
  const manifest = of(model.universe.manifests, place);
  const parameters = typeof tags === "string" ? [] : tags.map((tag) => `tag=${tag}`);
  const reference = typeof tags === "string" ? tags : `${digest}?${parameters.join("&")}`;
  const answer = await putManifest(berth, name, reference, manifest.bytes, manifest.mediaType);
  const missing = model.missing(name, manifest);
  agree(answer, model.putManifest(name, digest, manifest, [tags].flat()));
  if (answer.status === 201) {
    assert.equal(answer.headers["docker-content-digest"], digest);
    assert.equal(answer.headers["location"], `/v2/${name}/manifests/${digest}`);
    assert.equal(answer.headers["oci-subject"], manifest.subject);
    const said = answer.headers["oci-tag"]?.split(/, ?/) ?? [];
    assert.deepEqual(said, typeof tags === "string" ? [] : tags);
  } else if (answer.body.errors[0].code === "MANIFEST_BLOB_UNKNOWN") {
    const named = answer.body.errors.map(
      (error: { detail: { digest: string } }) => error.detail.digest,
    );
    assert.deepEqual(named, missing);
  }
}
