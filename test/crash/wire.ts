import { once } from "node:events";
import http, { type IncomingHttpHeaders } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Message {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Chunked transfer coding instead of a Content-Length. */
  readonly chunked?: boolean;
}

/** The server went away before the whole answer was here: nothing has been acknowledged. */
export class ServerGone extends Error {
  constructor(cause: unknown) {
    super("the server went away", { cause });
    this.name = "ServerGone";
  }
}

/** Connections to one server, kept alive. */
export interface Wire {
  /** `target` is a path, or a Location as the server gave it. Throws {@link ServerGone}, or another error if it is silent. */
  send(method: string, target: string, message?: Message): Promise<Answer>;
  /** The same, and throws unless the status is the expected one. */
  expect(status: number, method: string, target: string, message?: Message): Promise<Answer>;
  close(): void;
}

/** The connection stands and nothing comes: a server that is there must answer. */
class Silence extends Error {
  constructor(request: string) {
    super(`${request}: nothing came for ${silentMs} ms`);
    this.name = "Silence";
  }
}

const pieceBytes = 64 * 1024;
const silentMs = 20_000;

export function createWire(url: string): Wire {
  const agent = new http.Agent({ keepAlive: true });

  const send = async (method: string, target: string, message: Message = {}): Promise<Answer> => {
    const { headers = {}, body, chunked = false } = message;
    try {
      const request = http.request(new URL(target, url), { method, agent, headers });
      const answered = once(request, "response");
      // An error after the answer began is the answer's as well.
      request.on("error", () => undefined);
      request.setTimeout(silentMs, () => request.destroy(new Silence(`${method} ${target}`)));
      if (body !== undefined && !chunked) request.setHeader("Content-Length", body.length);
      for (let at = 0; body !== undefined && at < body.length; at += pieceBytes)
        request.write(body.subarray(at, at + pieceBytes));
      request.end();
      const [response] = (await answered) as [http.IncomingMessage];
      const pieces: Buffer[] = [];
      for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(pieces),
      };
    } catch (error) {
      throw error instanceof Silence ? error : new ServerGone(error);
    }
  };

  return {
    send,
    async expect(status, method, target, message) {
      const answer = await send(method, target, message);
      if (answer.status === status) return answer;
      const told = answer.body.toString("utf8").slice(0, 500);
      throw new Error(`${method} ${target}: ${answer.status} instead of ${status}: ${told}`);
    },
    close: () => agent.destroy(),
  };
}
