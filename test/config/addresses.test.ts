import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  auditReceiver,
  formatAuditForward,
  formatListenAddress,
  ipRange,
  isLoopback,
  parseListenAddress,
  serverUrl,
} from "../../src/config/addresses.ts";

describe("the parser of listen addresses", () => {
  const good: [string, string, number][] = [
    ["127.0.0.1:5000", "127.0.0.1", 5000],
    ["[::1]:5000", "::1", 5000],
    ["0.0.0.0:0", "0.0.0.0", 0],
    [":5000", "", 5000],
    ["*:5000", "", 5000],
    ["localhost:65535", "localhost", 65_535],
    ["Registry.Example.com:443", "registry.example.com", 443],
  ];
  for (const [written, host, port] of good) {
    test(`accepts the address ${written}`, () =>
      assert.deepEqual(parseListenAddress(written), { host, port }));
  }
  const bad = [
    "5000",
    "",
    ":",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.300:1",
    "1.2.3:80",
  ];
  for (const written of [
    ...bad,
    "::1:5000",
    "[::1]",
    "[localhost]:5000",
    "a b:1",
    "http://x:1",
    "x:1/",
    5000,
    null,
  ]) {
    test(`rejects the address ${JSON.stringify(written)}`, () =>
      assert.equal(parseListenAddress(written), undefined));
  }
  test("accepts the absolute path of a Unix socket, of up to 107 bytes", () => {
    const path = `/${"a".repeat(106)}`;
    assert.deepEqual(parseListenAddress(`unix:${path}`), { host: "localhost", port: 0, path });
    assert.equal(formatListenAddress({ host: "localhost", port: 0, path }), `unix:${path}`);
    for (const wrong of [`unix:${path}a`, "unix:run/a.sock", "unix:", "unix:/run/"])
      assert.equal(parseListenAddress(wrong), undefined, wrong);
  });
  test("has a formatter that puts brackets around IPv6 addresses", () => {
    assert.equal(formatListenAddress({ host: "::1", port: 5000 }), "[::1]:5000");
    assert.equal(formatListenAddress({ host: "", port: 5000 }), ":5000");
  });
});

describe("the loopback check", () => {
  for (const host of [
    "127.0.0.1",
    "127.8.9.10",
    "::1",
    "::ffff:127.0.0.1",
    "localhost",
    "berth.localhost",
  ]) {
    test(`accepts ${host} as a loopback address`, () => assert.equal(isLoopback(host), true));
  }
  for (const host of [
    "",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "fe80::1",
    "example.com",
    "localhost.example.com",
  ]) {
    test(`rejects ${JSON.stringify(host)} as an address that other machines can reach`, () =>
      assert.equal(isLoopback(host), false));
  }
});

describe("the parser of the public URL", () => {
  test("removes the trailing slash and lowercases the host", () => {
    assert.equal(
      serverUrl().parse("https://Registry.example.com/"),
      "https://registry.example.com",
    );
    assert.equal(serverUrl().parse("http://127.0.0.1:8080"), "http://127.0.0.1:8080");
  });
  const bad = [
    "registry.example.com",
    "//x",
    "ftp://x",
    "https://",
    "https://x/?a=1",
    "https://x/?",
    "https://x/#",
    "https://u:p@x",
  ];
  for (const written of [...bad, "https:x", "https://a b", "", 5]) {
    test(`rejects the URL ${JSON.stringify(written)}`, () =>
      assert.equal(serverUrl().safeParse(written).success, false));
  }
});

describe("the parser of trustedProxies", () => {
  for (const written of ["10.0.0.0/8", "10.0.0.1", "::1", "fd00::/8", "0.0.0.0/0"]) {
    test(`accepts the range ${written}`, () => assert.equal(ipRange().parse(written), written));
  }
  for (const written of [
    "10",
    "10.0.0.300",
    "10.0.0.0/33",
    "10/8",
    "10.0.0.0/",
    "fd00::/129",
    "localhost",
    "",
    7,
  ]) {
    test(`rejects the range ${JSON.stringify(written)}`, () =>
      assert.equal(ipRange().safeParse(written).success, false));
  }
});

describe("the receiver of the audit log", () => {
  const good = [
    ["udp://127.0.0.1:514", { kind: "udp", host: "127.0.0.1", port: 514 }],
    ["tcp://[::1]:601", { kind: "tcp", host: "::1", port: 601 }],
    ["tcp://Logs.example.com:601", { kind: "tcp", host: "logs.example.com", port: 601 }],
    ["unix:/run/syslog.sock", { kind: "unix", path: "/run/syslog.sock" }],
    ["https://logs.example.com/berth?a=b", undefined],
    ["http://127.0.0.1:8080/", undefined],
  ] as const;
  for (const [written, expected] of good)
    test(`can be ${written}`, () => {
      const parsed = auditReceiver().parse(written);
      assert.deepEqual(parsed, expected ?? { kind: "webhook", url: written });
      assert.equal(formatAuditForward(parsed), written.toLowerCase());
    });
  for (const written of [
    ...["", "logs.example.com", "udp://logs.example.com", "tcp://:601", "udp://127.0.0.1:0"],
    ...["tcp://unix:/run/a.sock", "unix:run/a.sock", "tls://a:6514", "https://user@a/", "http://"],
    ...["https://a/#b", 514, null],
  ])
    test(`cannot be ${JSON.stringify(written)}`, () =>
      assert.equal(auditReceiver().safeParse(written).success, false));
});
