import { OciError } from "../../oci/errors.ts";
import { UpstreamFailure } from "./failure.ts";
import { connectionFailure, oneOf } from "./connection.ts";
import type { UpstreamAnswer } from "./client.ts";

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
    answer: Pick<UpstreamAnswer, "headers" | "body">,
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
      const message = "too many answers of upstream registries are being read: try again";
      throw new OciError("UNAVAILABLE", message, { headers: { "Retry-After": "1" } });
    }
    await new Promise<void>((resolve) => {
      waiting.push({ size, go: resolve });
      admit();
    });
  };

  return {
    async read({ headers, body }, { limitBytes, weight = 1 }, use) {
      const declared = Number(oneOf(headers["content-length"]) ?? Number.NaN);
      const mostBytes = Number.isSafeInteger(declared) ? declared : limitBytes;
      const letGo = (): void => void body.on("error", () => undefined).destroy();
      if (mostBytes > limitBytes) {
        letGo();
        throw tooLong();
      }
      const size = mostBytes * weight;
      try {
        await take(size);
      } catch (error) {
        letGo();
        throw error;
      }
      const late = setTimeout(() => {
        body.destroy(new UpstreamFailure("timeout", "the upstream's answer takes too long"));
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
      if (size > limitBytes) throw tooLong();
      pieces.push(piece);
    }
  } catch (error) {
    throw connectionFailure(error, "the upstream");
  }
  return Buffer.concat(pieces, size);
}

const tooLong = (): UpstreamFailure =>
  new UpstreamFailure("serverError", "the upstream's answer is too long");
