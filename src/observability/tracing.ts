import { AsyncLocalStorage } from "node:async_hooks";
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type Tracer,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanExporter,
} from "@opentelemetry/sdk-trace-base";
import type { Logger } from "./logger.ts";

/*
 * Traces of some requests, which go to an OpenTelemetry collector with OTLP over HTTP. This module is loaded only if
 * `tracing.endpoint` is set. It decides before a request begins whether the request is traced: one that is not traced has
 * no span and takes the fast path.
 */

interface TracingSettings {
  /** URL of the collector for traces: `http://127.0.0.1:4318/v1/traces`. */
  readonly endpoint: string;
  /** One request of this number is traced, at most one in `sparseMs`; 1 is every request. */
  readonly oneIn: number;
}

/**
 * Before Node 24 a traced request takes 1 to 2 ms more of a processor, because meanwhile all asynchronous calls of the
 * process take longer.
 */
const sparseMs = 200;

/** Who sends the traces. */
interface TracedService {
  readonly version: string;
  /** Identifies the process. */
  readonly instance: string;
}

/** A collector that is away or slow does not keep the server from ending for longer. */
const exportTimeoutMs = 3_000;
/** W3C Trace Context, version 00: the ids of the trace and of the span, and whether the caller is traced. */
const traceparent = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export class Tracing {
  readonly #provider: BasicTracerProvider;
  readonly #tracer: Tracer;
  readonly #oneIn: number;
  readonly #current = new AsyncLocalStorage<Context>();
  /** Traced requests that have not ended. */
  #running = 0;
  #chosenAtMs = -Infinity;

  constructor({ endpoint, oneIn }: TracingSettings, service: TracedService, logger: Logger) {
    const exporter = new OTLPTraceExporter({ url: endpoint, timeoutMillis: exportTimeoutMs });
    this.#oneIn = oneIn;
    this.#provider = new BasicTracerProvider({
      resource: resourceFromAttributes({
        "service.name": "berth",
        "service.version": service.version,
        "service.instance.id": service.instance,
      }),
      sampler: new AlwaysOnSampler(),
      spanProcessors: [
        new BatchSpanProcessor(withLoggedFailures(exporter, logger), {
          exportTimeoutMillis: exportTimeoutMs,
        }),
      ],
    });
    this.#tracer = this.#provider.getTracer("berth", service.version);
  }

  /**
   * Begins the span of a request. `undefined`: it is not traced.
   * @param parent the header `traceparent` of a trusted proxy: its decision is kept. `undefined`: this process decides
   */
  begin(parent: string | undefined): TracedRequest | undefined {
    const [, traceId, spanId, flags = ""] = traceparent.exec(parent ?? "") ?? [];
    if (traceId === undefined || spanId === undefined) {
      return this.#isChosen() ? this.#beginIn(ROOT_CONTEXT) : undefined;
    }
    if ((Number.parseInt(flags, 16) & 1) === 0) return undefined;
    const caller = { traceId, spanId, traceFlags: 1, isRemote: true };
    return this.#beginIn(trace.setSpanContext(ROOT_CONTEXT, caller));
  }

  /** Runs an operation. If it belongs to a traced request, it has a span. */
  async span<T>(name: string, attributes: Attributes, work: () => Promise<T>): Promise<T> {
    const parent = this.#current.getStore();
    if (parent === undefined) return await work();
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, parent);
    try {
      return await this.#current.run(trace.setSpan(parent, span), work);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  }

  /** Sends the spans that wait, and ends. Spans that the collector does not accept are lost, and the log says so. */
  async close(): Promise<void> {
    await this.#provider.shutdown().catch(() => undefined);
  }

  #isChosen(): boolean {
    if (this.#oneIn === 1) return true;
    if (Math.random() * this.#oneIn >= 1) return false;
    const nowMs = performance.now();
    if (nowMs - this.#chosenAtMs < sparseMs) return false;
    this.#chosenAtMs = nowMs;
    return true;
  }

  #beginIn(parent: Context): TracedRequest {
    const span = this.#tracer.startSpan("request", { kind: SpanKind.SERVER }, parent);
    this.#running += 1;
    return new TracedRequest(span, this.#current, () => this.#ended());
  }

  /** Ends the use of contexts, so that asynchronous calls take their usual time again. */
  #ended(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#current.disable();
  }
}

/** A traced request. */
export class TracedRequest {
  readonly #span: Span;
  readonly #current: AsyncLocalStorage<Context>;
  readonly #onEnd: () => void;

  constructor(span: Span, current: AsyncLocalStorage<Context>, onEnd: () => void) {
    this.#span = span;
    this.#current = current;
    this.#onEnd = onEnd;
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  /** Runs the handler of the request: its operations get spans. */
  run(handle: () => void): void {
    this.#current.run(trace.setSpan(ROOT_CONTEXT, this.#span), handle);
  }

  /** @param answer.isFailed the answer is a 5xx */
  end(answer: {
    readonly name: string;
    readonly attributes: Attributes;
    readonly isFailed: boolean;
  }): void {
    this.#span.updateName(answer.name).setAttributes(answer.attributes);
    if (answer.isFailed) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
    this.#onEnd();
  }
}

/** Logs that the collector does not accept traces, and that it does again: once per change. */
function withLoggedFailures(exporter: SpanExporter, logger: Logger): SpanExporter {
  let isFailing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const { error } = result;
        if (error !== undefined && !isFailing)
          logger.warn({ err: error }, "the collector of tracing.endpoint does not accept traces");
        if (error === undefined && isFailing) logger.info("the collector accepts traces again");
        isFailing = error !== undefined;
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}
