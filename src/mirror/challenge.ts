/** What a `WWW-Authenticate` header asks for. */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | undefined };

/** Reads the first challenge that we know how to meet; `undefined` if there is none. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined) return undefined;
  const bearer = /(?:^|,\s*)Bearer\s+(.*)$/i.exec(header)?.[1];
  if (bearer !== undefined) {
    const parameters = new Map(
      [...bearer.matchAll(/([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/gi)].map(
        ([, name = "", quoted, plain]) => [
          name.toLowerCase(),
          quoted?.replaceAll(/\\(.)/g, "$1") ?? plain ?? "",
        ],
      ),
    );
    const realm = parameters.get("realm");
    if (realm !== undefined && URL.canParse(realm))
      return { scheme: "bearer", realm, service: parameters.get("service") };
  }
  return /(?:^|,\s*)Basic(?:\s|$)/i.test(header) ? { scheme: "basic" } : undefined;
}

/** Whether a token service may be told the upstream's credential: the same host, or a neighbour of it. */
export function isNeighbour(host: string, upstream: string): boolean {
  const domain = (name: string): string => name.split(".").slice(-2).join(".");
  return host === upstream || (/[a-z]/i.test(host) && domain(host) === domain(upstream));
}
