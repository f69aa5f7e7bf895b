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

/** The server ended before the whole answer arrived, so the request is not acknowledged. */
export class ServerGone extends Error {
  constructor(cause: unknown) {
    super("the server went away", { cause });
    this.name = "ServerGone";
  }
}

/** Keep-alive connections to one server. */
export interface Wire {
  /** `target` is a path or a Location header. Throws {@link ServerGone}, or another error after 20 s without data. */
  send(method: string, target: string, message?: Message): Promise<Answer>;
  /** Like `send`, and throws unless the answer has this status. */
  expect(status: number, method: string, target: string, message?: Message): Promise<Answer>;
  close(): void;
}

/** The connection is open and no data arrives. A running server must answer. */
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
      // The response also reports an error that occurs after it has started.
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
