import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import type { StoredEvent } from "../../src/database/events/deliveries.ts";
import { eventsOfFormats, renderPayload } from "../../src/events/payloads.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseTag } from "../../src/oci/reference.ts";
import { temporaryFolder } from "../support/temporary.ts";

/* The parser of the notifications of distribution, from the Go module of the program `registry`, reads Berth's envelopes. */

const module = "github.com/distribution/distribution/v3";

/** Reads envelopes, one a line, and prints what it understood. An unknown field is an error. */
const parser = `package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"${module}/notifications"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var envelope struct {
			Events []notifications.Event \`json:"events"\`
		}
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&envelope); err != nil {
			panic(err)
		}
		for _, event := range envelope.Events {
			target := event.Target
			fmt.Println(event.Action, target.Repository, target.Tag, target.Digest, target.MediaType, target.Size,
				event.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z"), event.Actor.Name, event.Request.Host, event.Request.Addr)
		}
	}
}
`;

function goModule(): string {
  const { version, source } = versionOf();
  const folder = path.join(temporaryFolder(), "parser");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "main.go"), parser);
  // With all of its indirect modules: those are in the cache, and no others.
  const own = readFileSync(path.join(source, "go.mod"), "utf8");
  const required = own.replace(/^module .*$/m, `module parser\n\nrequire ${module} ${version}`);
  writeFileSync(path.join(folder, "go.mod"), required);
  copyFileSync(path.join(source, "go.sum"), path.join(folder, "go.sum"));
  return folder;
}

/** The version that the program \`registry\` is built from, and its source in the cache of modules. */
function versionOf(): { readonly version: string; readonly source: string } {
  const tools = readFileSync(path.join(import.meta.dirname, "tools.txt"), "utf8");
  const [, version = assert.fail("tools.txt has no registry")] =
    /^registry\s.*distribution\/v3\S*@(\S+)/m.exec(tools) ?? [];
  const cache = execFileSync("go", ["env", "GOMODCACHE"], { encoding: "utf8" }).trim();
  return { version, source: path.join(cache, `${module}@${version}`) };
}

const digest = digestOf(Buffer.from("manifest"));
const push: StoredEvent = {
  ...{ id: 42, atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), type: "push", actor: "ann" },
  ...{ peer: "192.0.2.7", namespace: "team", repository: parseRepositoryName("team/app") },
  ...{ tag: parseTag("1.4"), digest, previousDigest: null, sizeBytes: 525 },
  ...{ mediaType: "application/vnd.oci.image.manifest.v1+json", visibility: "private" },
  ...{ repositoryCreatedAtMs: 0, data: {} },
};

describe("the parser of distribution's notifications", () => {
  test("reads the envelope of each event that the format can tell of", () => {
    const teller = { url: "https://registry.example.com", version: "1.2.3" };
    const ofRepository = { tag: null, digest: null, mediaType: null, sizeBytes: null };
    const events: readonly StoredEvent[] = [
      push,
      { ...push, tag: null },
      { ...push, type: "pull" },
      { ...push, type: "tag.deleted", digest: null, mediaType: null, sizeBytes: null },
      { ...push, type: "repository.deleted", ...ofRepository },
    ];
    const told = new Set(events.map(({ type }) => type));
    assert.deepEqual(told, new Set(eventsOfFormats.distribution));
    const rendered = events.map((event) => renderPayload("distribution", event, teller));
    const output = execFileSync("go", ["run", "-mod=mod", "."], {
      cwd: goModule(),
      env: { ...process.env, GOPROXY: "off", GOFLAGS: "" },
      input: rendered.map(({ body }) => `${body}\n`).join(""),
      encoding: "utf8",
    });
    const end = "2026-01-02T03:04:05.678Z ann registry.example.com 192.0.2.7";
    const image = `${digest} application/vnd.oci.image.manifest.v1+json 525 ${end}`;
    assert.deepEqual(output.trim().split("\n"), [
      `push team/app 1.4 ${image}`,
      `push team/app  ${image}`,
      `pull team/app 1.4 ${image}`,
      `delete team/app 1.4   0 ${end}`,
      `delete team/app    0 ${end}`,
    ]);
  });
});
