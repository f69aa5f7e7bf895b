import type { Message, Wire } from "../../crash/wire.ts";

/**
 * The same connections; each request for a repository has a bearer token of this user. A token is requested again after
 * 401, as clients do. A Location of another host is requested from this server.
 */
export function createTokenWire(
  wire: Wire,
  { name, secret }: { readonly name: string; readonly secret: string },
): Wire {
  const tokens = new Map<string, Promise<string>>();
  const basic = `Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}`;

  let service: string | undefined;
  const request = async (scope: string): Promise<string> => {
    service ??= await serviceOf(wire);
    const target = `/token?service=${service}&scope=${encodeURIComponent(scope)}`;
    const answer = await wire.send("GET", target, { headers: { Authorization: basic } });
    if (answer.status !== 200) throw new TokenRefused(answer.status, String(answer.body));
    return (JSON.parse(String(answer.body)) as { token: string }).token;
  };
  const tokenFor = (scope: string): Promise<string> => {
    let token = tokens.get(scope);
    if (token === undefined) {
      token = request(scope);
      tokens.set(scope, token);
      token.catch(() => tokens.delete(scope));
    }
    return token;
  };
  const sendOnce = async (method: string, target: string, message: Message, scope: string) => {
    const headers = { ...message.headers, Authorization: `Bearer ${await tokenFor(scope)}` };
    return await wire.send(method, target, { ...message, headers });
  };

  const send: Wire["send"] = async (method, target, message = {}) => {
    const path = target.replace(/^https?:\/\/[^/]+/, "");
    const scope = scopeOf(path);
    const answer = await sendOnce(method, path, message, scope);
    if (answer.status !== 401) return answer;
    tokens.delete(scope);
    return await sendOnce(method, path, message, scope);
  };
  return {
    send,
    async expect(status, method, target, message) {
      const answer = await send(method, target, message);
      if (answer.status === status) return answer;
      const told = answer.body.toString("utf8").slice(0, 500);
      throw new Error(`${method} ${target}: ${answer.status} instead of ${status}: ${told}`);
    },
    close: () => wire.close(),
  };
}

/** The name of the token service, as the challenge of `GET /v2/` says it. */
async function serviceOf(wire: Wire): Promise<string> {
  const { status, headers, body } = await wire.send("GET", "/v2/");
  const name = /service="([^"]+)"/.exec(String(headers["www-authenticate"]))?.[1];
  if (name === undefined) throw new TokenRefused(status, String(body));
  return encodeURIComponent(name);
}

/** The token service answered with another status than 200. */
export class TokenRefused extends Error {
  readonly status: number;

  constructor(status: number, body: string) {
    super(`GET /token: ${status} ${body.slice(0, 300)}`);
    this.name = "TokenRefused";
    this.status = status;
  }
}

function scopeOf(target: string): string {
  const repository = /\/v2\/(.+?)\/(?:blobs|manifests|tags|referrers)\//.exec(target)?.[1];
  return repository === undefined ? "registry:catalog:*" : `repository:${repository}:*`;
}
