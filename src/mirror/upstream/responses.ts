import type { Dispatcher } from "undici";
import { OciError } from "../../oci/errors.ts";
import { connectionFailure, UpstreamFailure } from "./failure.ts";

/** A 2xx response of an upstream. The caller must read the body to its end, or destroy it. */
export interface UpstreamResponse {
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: Dispatcher.ResponseData["body"];
}

/** Returns the first value of a header; `undefined` if the response does not have it. */
export function headerOf(
  { headers }: Pick<UpstreamResponse, "headers">,
  name: string,
): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Returns the number in a header; `undefined` if it is absent or not an integer. */
export function integerOf(
  response: Pick<UpstreamResponse, "headers">,
  name: string,
): number | undefined {
  const value = Number(headerOf(response, name) ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Closes a response whose body is not read. */
export function discardBody({ body }: Pick<UpstreamResponse, "body">): void {
  body.on("error", () => undefined).destroy();
}

/**
 * Reads upstream responses that must be in memory as a whole: manifests, lists, tokens. All mirrors of a process share
 * 32 MB. A response that does not fit waits in a queue (at most 512); its socket is not read meanwhile.
 */
export interface ResponseReader {
  /**
   * Reads a body of at most `limitBytes` bytes and passes it to `use`. The body counts `weight` times its size until
   * `use` ends (parsed JSON is larger than its text). Throws {@link UpstreamFailure} (`serverError`: too long;
   * `timeout`: not complete after 60 s), and UNAVAILABLE (503) if 512 responses already wait.
   */
  read<T>(
    response: Pick<UpstreamResponse, "headers" | "body">,
    options: { readonly limitBytes: number; readonly weight?: number },
    use: (bytes: Buffer) => T | Promise<T>,
  ): Promise<T>;
}

const budgetBytes = 32 * 1024 * 1024;
const waitingAtMost = 512;
const longestReadMs = 60_000;

export function createResponseReader(
  limits: { readonly budgetBytes?: number } = {},
): ResponseReader {
  const budget = limits.budgetBytes ?? budgetBytes;
  const waiting: { readonly size: number; readonly go: () => void }[] = [];
  let held = 0;

  const admit = (): void => {
    for (;;) {
      const [next] = waiting;
      if (next === undefined || (held > 0 && held + next.size > budget)) return;
      waiting.shift();
      held += next.size;
      next.go();
    }
  };

  const take = async (size: number): Promise<void> => {
    if (waiting.length >= waitingAtMost) {
      const message = "too many responses of upstream registries are being read: try again";
      throw new OciError("UNAVAILABLE", message, { headers: { "Retry-After": "1" } });
    }
    await new Promise<void>((resolve) => {
      waiting.push({ size, go: resolve });
      admit();
    });
  };

  return {
    async read(response, { limitBytes, weight = 1 }, use) {
      const mostBytes = integerOf(response, "content-length") ?? limitBytes;
      const size = mostBytes * weight;
      try {
        if (mostBytes > limitBytes) throw tooLong(limitBytes);
        await take(size);
      } catch (error) {
        discardBody(response);
        throw error;
      }
      const { body } = response;
      const late = setTimeout(() => {
        const message = `the upstream's response is not complete after ${longestReadMs / 1000} s`;
        body.destroy(new UpstreamFailure("timeout", message));
      }, longestReadMs);
      try {
        const bytes = await readAll(body, mostBytes);
        clearTimeout(late);
        return await use(bytes);
      } finally {
        clearTimeout(late);
        held -= size;
        admit();
      }
    },
  };
}

async function readAll(body: AsyncIterable<Uint8Array>, limitBytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      size += piece.length;
      if (size > limitBytes) throw tooLong(limitBytes);
      pieces.push(piece);
    }
  } catch (error) {
    throw connectionFailure(error, "the upstream");
  }
  return Buffer.concat(pieces, size);
}

const tooLong = (limitBytes: number): UpstreamFailure =>
  new UpstreamFailure("serverError", `the upstream's response is longer than ${limitBytes} bytes`);

/** Parses the JSON text of a response. Throws {@link UpstreamFailure}; `sender` names the server in its message. */
export function parseJsonResponse(text: string, sender: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new UpstreamFailure("serverError", `the response of ${sender} is not JSON`, { cause });
  }
}

const listBytesAtMost = 4 * 1024 * 1024;
/** Parsed JSON takes about 4 times the memory of its text. */
const parsedWeight = 4;

/** Reads a JSON list of the upstream and passes the parsed document to `use`. Throws {@link UpstreamFailure}. */
export function readList<T>(
  responses: ResponseReader,
  response: UpstreamResponse,
  use: (document: unknown) => T | Promise<T>,
): Promise<T> {
  const limits = { limitBytes: listBytesAtMost, weight: parsedWeight };
  return responses.read(response, limits, (bytes) =>
    use(parseJsonResponse(bytes.toString("utf8"), "the upstream")),
  );
}
