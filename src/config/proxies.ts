import process from "node:process";

/** Proxies for outgoing requests, from the usual environment variables. */
export interface Proxies {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly no: string | undefined;
}

export function readProxies(env: NodeJS.ProcessEnv = process.env): Proxies {
  const read = (name: string): string | undefined =>
    env[name.toLowerCase()] || env[name] || undefined;
  return { http: read("HTTP_PROXY"), https: read("HTTPS_PROXY"), no: read("NO_PROXY") };
}
