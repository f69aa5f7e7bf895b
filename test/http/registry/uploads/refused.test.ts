import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { digestOf } from "../../../../src/oci/digest.ts";
import { connect } from "../../../server/support.ts";
import { password, startClosedBerth } from "../../../support/closed.ts";
import { waitUntil } from "../../../support/wait.ts";

/** Bytes of a body: the small one is buffered in memory, the large one is not. */
const sizes = { small: 10_000, large: 600_000 };

const berth = await startClosedBerth();
await berth.addUser("mia");
const api = berth.as("mia").api;

const filesIn = (folder: string): readonly string[] =>
  readdirSync(path.join(berth.data, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "instance")
    .map(({ name }) => name);

/** The blob and upload files in the data folder, and the number of upload sessions. */
const held = async () => ({
  ...{ uploads: filesIn("uploads"), blobs: filesIn("blobs") },
  sessions: await berth.tables.value("SELECT count(*) FROM uploads"),
});

interface Refusal {
  readonly status: number;
  readonly digest?: string;
  readonly take?: string;
  readonly giveBack?: string;
}

const refusals: Readonly<Record<string, Refusal>> = {
  "its bytes have another digest": { status: 400, digest: digestOf(Buffer.from("other bytes")) },
  "the quota is lowered while its body arrives": {
    status: 403,
    take: "INSERT INTO quotas (namespace, limit_bytes, used_bytes) VALUES ('mia', 10, 0)",
    giveBack: "DELETE FROM quotas",
  },
  "the account is disabled while its body arrives": {
    status: 401,
    take: "UPDATE accounts SET disabled = 1 WHERE name = 'mia'",
    giveBack: "UPDATE accounts SET disabled = 0 WHERE name = 'mia'",
  },
};

describe("a rejected PUT with a body that closes an upload leaves no bytes and no session", () => {
  for (const [why, { status, digest, take, giveBack }] of Object.entries(refusals))
    for (const [size, length] of Object.entries(sizes))
      test(`when ${why} (${size} body)`, async () => {
        const before = await held();
        const bytes = randomBytes(length);
        const { headers } = await api.post("/v2/mia/app/blobs/uploads/").expect(202);
        const target = `${String(headers["location"])}&digest=${digest ?? digestOf(bytes)}`;
        const lines = [
          `PUT ${target} HTTP/1.1`,
          ...["Host: berth", "Connection: close", "Content-Type: application/octet-stream"],
          `Authorization: Basic ${Buffer.from(`mia:${password}`).toString("base64")}`,
          `Content-Length: ${length}`,
        ];
        const { socket, all } = await connect(berth.port, `${lines.join("\r\n")}\r\n\r\n`);
        socket.write(bytes.subarray(0, -1));
        // The server has accepted the request when it writes its bytes. A small body is only written when it is whole:
        // then later requests of the same client have been answered.
        if (size === "large")
          await waitUntil("the server writes the body", () => filesIn("uploads").length > 0);
        for (let count = 0; count < 3; count += 1) await api.get("/v2/user/orgs").expect(200);
        if (take !== undefined) await berth.exec(take);
        socket.write(bytes.subarray(-1));
        const [, answered] = /^HTTP\/1\.1 (\d+)/.exec(await all()) ?? [];
        if (giveBack !== undefined) await berth.exec(giveBack);
        assert.equal(Number(answered), status);
        assert.deepEqual(await held(), before);
      });
});
