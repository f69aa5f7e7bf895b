import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { createLogger, type LoggerSettings } from "../../src/observability/logger.ts";
import { waitUntil } from "../support/wait.ts";

function lines(settings: LoggerSettings) {
  const written: string[] = [];
  return { written, logger: createLogger(settings, { write: (line) => void written.push(line) }) };
}

describe("the log", () => {
  test("has JSON lines with an ISO 8601 time, and omits messages below its level", () => {
    const { written, logger } = lines({ level: "info", format: "json" });
    logger.debug("not this one");
    logger.info({ port: 5000 }, "listening");
    assert.equal(written.length, 1);
    const { time, ...line } = JSON.parse(written[0] ?? "") as Record<string, unknown>;
    assert.deepEqual(line, { level: 30, port: 5000, msg: "listening" });
    assert.match(String(time), /^\d{4}-\d\d-\d\dT.*Z$/);
  });

  test("never contains credentials", () => {
    const { written, logger } = lines({ level: "info", format: "json" });
    const secret = "canary";
    const headers = {
      authorization: secret,
      cookie: secret,
      "set-cookie": secret,
      "proxy-authorization": secret,
    };
    logger.info({ headers, password: secret, token: secret, authorization: secret });
    logger.info({ req: { headers }, account: { password: secret, token: secret } });
    assert.doesNotMatch(written.join(""), /canary/);
    assert.match(written.join(""), /\[redacted\]/);
  });

  for (const format of ["json", "pretty"] as const)
    test(`contains no control characters from logged text in the format ${format}`, async () => {
      const written: string[] = [];
      const stream = new PassThrough().setEncoding("utf8");
      stream.on("data", (text: string) => void written.push(text));
      const logger = createLogger({ level: "info", format }, stream);
      const text = "\u001B]0;title\u0007 \u009B2J \u202Eabc";
      logger.warn({ agent: text, err: new Error(text) }, text);
      await waitUntil("the line is written", () => written.join("").includes("\n"));
      for (const character of ["\u0007", "\u009B", "\u202E", "\u001B]"])
        assert.equal(written.join("").includes(character), false);
    });
});
