import fc from "fast-check";
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfigPlatform, parsePlatform, platformOfConfig } from "../../src/oci/descriptor.ts";

describe("parsePlatform", () => {
  test("reads the dotted keys os.version and os.features of the image specification", () => {
    const json = {
      architecture: "amd64",
      os: "windows",
      "os.version": "10.0.20348.2582",
      "os.features": ["win32k"],
      variant: "v2",
      features: ["sse4"],
    };
    assert.deepEqual(parsePlatform(json, ""), {
      architecture: "amd64",
      os: "windows",
      osVersion: "10.0.20348.2582",
      osFeatures: ["win32k"],
      variant: "v2",
      features: ["sse4"],
    });
  });

  test("accepts missing fields and omits empty ones", () => {
    assert.deepEqual(parsePlatform({}, ""), {});
    assert.deepEqual(parsePlatform({ os: "", architecture: "arm64", variant: null }, ""), {
      architecture: "arm64",
    });
  });
});

describe("the platform of an image config", () => {
  test("has the platform fields of the config and ignores all other fields", () => {
    const config = {
      architecture: "arm64",
      os: "linux",
      variant: "v8",
      "os.version": "",
      OS: "ignored",
      features: ["not of a config"],
      config: { Env: ["PATH=/bin"] },
      rootfs: { type: "layers", diff_ids: [] },
    };
    assert.deepEqual(platformOfConfig(config), {
      architecture: "arm64",
      os: "linux",
      variant: "v8",
    });
    assert.deepEqual(
      platformOfConfig({
        os: "windows",
        architecture: "amd64",
        "os.version": "10.0.17763.6414",
        "os.features": ["win32k"],
      }),
      {
        os: "windows",
        architecture: "amd64",
        osVersion: "10.0.17763.6414",
        osFeatures: ["win32k"],
      },
    );
  });

  test("omits fields of a wrong type, and is undefined without os and architecture", () => {
    assert.deepEqual(platformOfConfig({ os: "linux", architecture: 7, "os.features": "x" }), {
      os: "linux",
    });
    assert.equal(platformOfConfig({ os: 1, architecture: ["amd64"], variant: "v8" }), undefined);
    assert.equal(platformOfConfig({}), undefined);
  });

  test("is read without an exception from any value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.anything()), (json) => {
        platformOfConfig(json);
      }),
    );
  });

  test("is undefined for a config that is invalid or above the JSON limits, without an exception", () => {
    const linux = '"os": "linux", "architecture": "amd64"';
    const keys = Array.from({ length: 60_000 }, (_, at) => `"k${at}": ${at}`).join();
    const hostile = {
      "60,000 values": `{${linux}, "history": [${keys.replaceAll(/"k\d+": /g, "")}]}`,
      "60,000 keys": `{${linux}, "config": {${keys}}}`,
      "100,000 levels": `{${linux}, "config": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
      "no JSON": `{${linux}`,
      "no UTF-8": Buffer.from([0xff, 0xfe]),
      "a list": "[]",
    };
    for (const [what, config] of Object.entries(hostile))
      assert.equal(parseConfigPlatform(Buffer.from(config)), undefined, what);
    assert.deepEqual(parseConfigPlatform(Buffer.from(`{${linux.replace("os", "\\u006fs")}}`)), {
      ...{ os: "linux", architecture: "amd64" },
    });
  });
});
