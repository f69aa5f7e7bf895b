import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OciError, errorTable, renderErrors } from "../../src/oci/errors.ts";

/** code-1 … code-14 of the distribution specification, with the status in its endpoint table. */
const SPEC: Readonly<Record<string, number>> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 404,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
};

/** Codes outside the specification that clients know. */
const LEGACY: Readonly<Record<string, number>> = {
  MANIFEST_UNVERIFIED: 400,
  TAG_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
};

describe("the error table", () => {
  test("has exactly the codes of the specification and the legacy codes, each with its status", () => {
    const statuses = Object.fromEntries(
      Object.entries(errorTable).map(([code, { status }]) => [code, status]),
    );
    assert.deepEqual(statuses, { ...SPEC, ...LEGACY });
  });

  test("has a unique message for every code, and every code is upper case", () => {
    const messages = Object.values(errorTable).map(({ message }) => message);
    assert.equal(new Set(messages).size, messages.length);
    for (const code of Object.keys(errorTable)) assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
  });
});

describe("an OciError", () => {
  test("has the status and the message of its code in the error table by default", () => {
    const error = new OciError("MANIFEST_UNKNOWN");
    assert.equal(error.status, 404);
    assert.equal(error.message, errorTable.MANIFEST_UNKNOWN.message);
    assert.equal(error.name, "OciError");
    assert.equal(error.headers, undefined);
    assert.equal(error.cause, undefined);
  });

  test("has the given status, headers, detail and cause", () => {
    const cause = new Error("ENOSPC");
    const error = new OciError("UNAVAILABLE", "the disk is full", {
      status: 507,
      headers: { "Retry-After": "60" },
      detail: { free: 0 },
      cause,
    });
    assert.equal(error.status, 507);
    assert.deepEqual(error.headers, { "Retry-After": "60" });
    assert.deepEqual(error.detail, { free: 0 });
    assert.equal(error.cause, cause);
  });

  test("renders as one entry, with a detail only if one was given", () => {
    assert.deepEqual(renderErrors(new OciError("NAME_UNKNOWN", "no such repository")), {
      errors: [{ code: "NAME_UNKNOWN", message: "no such repository" }],
    });
    assert.deepEqual(renderErrors(new OciError("NAME_UNKNOWN", "gone", { detail: null })), {
      errors: [{ code: "NAME_UNKNOWN", message: "gone", detail: null }],
    });
  });

  test("of several items renders one entry per item in order and has the status of the first", () => {
    const items = [
      { code: "MANIFEST_BLOB_UNKNOWN", message: "no blob", detail: { digest: "sha256:aa" } },
      { code: "BLOB_UNKNOWN", message: "no other blob" },
    ] as const;
    const error = OciError.many(items);
    assert.equal(error.status, 400);
    assert.equal(error.code, "MANIFEST_BLOB_UNKNOWN");
    assert.equal(error.message, "no blob");
    assert.deepEqual(error.errors, items);
    assert.deepEqual(renderErrors(error), { errors: items });
  });

  test("of no items throws a TypeError", () => {
    assert.throws(() => OciError.many([]), TypeError);
  });
});
