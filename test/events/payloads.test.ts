import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { StoredEvent } from "../../src/database/events/deliveries.ts";
import { renderPayload } from "../../src/events/payloads.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/name.ts";
import { parseTag } from "../../src/oci/reference.ts";

const digest = digestOf(Buffer.from("manifest"));
const before = digestOf(Buffer.from("before"));
const push: StoredEvent = {
  ...{ id: 42, atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), type: "push", actor: "ann" },
  ...{ peer: "192.0.2.7", namespace: "team", repository: parseRepositoryName("team/a/app") },
  ...{ tag: parseTag("1.4"), digest, previousDigest: null, sizeBytes: 525 },
  ...{ mediaType: "application/vnd.oci.image.manifest.v1+json", visibility: "private" },
  ...{ repositoryCreatedAtMs: Date.UTC(2025, 0, 1), data: {} },
};
const teller = { url: "https://registry.example.com", version: "1.2.3" };
const bodyOf = (...given: Parameters<typeof renderPayload>): unknown =>
  JSON.parse(renderPayload(...given).body) as unknown;

describe("a payload", () => {
  test("of the format hub has the fields of Docker Hub's webhooks", () => {
    assert.deepEqual(bodyOf("hub", push, teller), {
      callback_url: "https://registry.example.com/r/team/a/app",
      push_data: { pushed_at: 1767323045, pusher: "ann", tag: "1.4", images: [] },
      repository: {
        ...{ comment_count: 0, date_created: 1735689600, description: "", dockerfile: "" },
        ...{ full_description: "", is_official: false, is_private: true, is_trusted: false },
        ...{ name: "a/app", namespace: "team", owner: "team", repo_name: "team/a/app" },
        repo_url: "https://registry.example.com/r/team/a/app",
        ...{ star_count: 0, status: "Active" },
      },
    });
  });

  test("of the format distribution is the envelope of the notifications of distribution", () => {
    const rendered = renderPayload("distribution", push, teller);
    assert.equal(rendered.contentType, "application/vnd.docker.distribution.events.v1+json");
    assert.deepEqual(JSON.parse(rendered.body), {
      events: [
        {
          ...{ id: "42", timestamp: "2026-01-02T03:04:05.678Z", action: "push" },
          target: {
            mediaType: "application/vnd.oci.image.manifest.v1+json",
            ...{ size: 525, length: 525, digest, repository: "team/a/app", tag: "1.4" },
            url: `https://registry.example.com/v2/team/a/app/manifests/${digest}`,
          },
          request: {
            ...{ id: "42", addr: "192.0.2.7", host: "registry.example.com" },
            ...{ method: "PUT", useragent: "" },
          },
          actor: { name: "ann" },
          source: { addr: "registry.example.com", instanceID: "berth 1.2.3" },
        },
      ],
    });
  });

  test("of the format distribution names a deleted tag without a digest, as distribution does", () => {
    const deletion: StoredEvent = {
      ...{ ...push, type: "tag.deleted", digest: null, previousDigest: before },
      ...{ mediaType: null, sizeBytes: null },
    };
    const { events } = bodyOf("distribution", deletion, teller) as {
      readonly events: readonly { readonly action: string; readonly target: object }[];
    };
    assert.equal(events[0]?.action, "delete");
    assert.deepEqual(events[0]?.target, { repository: "team/a/app", tag: "1.4" });
  });

  test("of the format cloudevents is a CloudEvent in structured mode", () => {
    const moved: StoredEvent = { ...push, type: "tag.moved", previousDigest: before };
    const rendered = renderPayload("cloudevents", moved, teller);
    assert.equal(rendered.contentType, "application/cloudevents+json; charset=utf-8");
    assert.deepEqual(JSON.parse(rendered.body), {
      ...{ specversion: "1.0", id: "42", source: "https://registry.example.com" },
      ...{ type: "berth.tag.moved", subject: "team/a/app:1.4", time: "2026-01-02T03:04:05.678Z" },
      datacontenttype: "application/json",
      data: {
        ...{ namespace: "team", repository: "team/a/app", tag: "1.4", digest },
        ...{ previous_digest: before, size: 525, visibility: "private", actor: "ann" },
        media_type: "application/vnd.oci.image.manifest.v1+json",
      },
    });
  });

  test("of the format cloudevents tells of a quota with its numbers", () => {
    const near: StoredEvent = {
      ...{ ...push, type: "quota.near", repository: null, tag: null, digest: null },
      ...{ mediaType: null, sizeBytes: null, visibility: null, repositoryCreatedAtMs: null },
      data: { usedBytes: 90, limitBytes: 100 },
    };
    const { type, subject, data } = bodyOf("cloudevents", near, teller) as Record<string, unknown>;
    assert.deepEqual([type, subject], ["berth.quota.near", "team"]);
    assert.deepEqual(data, { namespace: "team", actor: "ann", usedBytes: 90, limitBytes: 100 });
  });
});
