import * as z from "zod";
import { auditReceiver, collectorUrl, ipRange, tcpAddress } from "./addresses.ts";
import { bool, choice, duration, integer, secret } from "./values.ts";

/* What operators see of a server: its log, the audit log, its metrics and its traces. */

const day = 86_400_000;

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

export const logSchema = z
  .object({
    level: choice(logLevels)
      .prefault("info")
      .describe("The lowest level of log lines that are written"),
    format: choice(["auto", "pretty", "json"])
      .prefault("auto")
      .describe("The format of log lines; auto is pretty on a terminal and json otherwise"),
    requests: bool()
      .prefault(false)
      .describe("Write a line for each request at info; otherwise only for those that are refused"),
  })
  .prefault({});

export const auditSchema = z
  .object({
    keep: duration({ min: day, max: 36_500 * day })
      .optional()
      .describe("The age at which entries of the audit log are deleted; if not set, never"),
    forward: auditReceiver()
      .optional()
      .describe("A receiver that gets each new entry of the audit log; if not set, there is none"),
    forwardSecret: secret()
      .optional()
      .describe("Signs what a webhook of audit.forward gets, in X-Berth-Signature-256"),
  })
  .prefault({});

export const metricsSchema = z
  .object({
    allow: z
      .array(ipRange())
      .prefault(["127.0.0.0/8", "::1"])
      .describe("Addresses that may read /metrics and the details of /readyz"),
    listen: tcpAddress()
      .optional()
      .describe("A separate address for /metrics and the details of /readyz, without TLS"),
  })
  .prefault({});

export const tracingSchema = z
  .object({
    endpoint: collectorUrl()
      .optional()
      .describe("Where traces are sent with OTLP over HTTP; if not set, there are none"),
    oneIn: integer({ min: 1, max: 1_000_000 })
      .prefault(1_000)
      .describe("One request of this number is traced, at most one in 200 ms; 1 is every request"),
  })
  .prefault({});
