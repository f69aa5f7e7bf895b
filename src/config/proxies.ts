import process from "node:process";

/** Proxies on the way out, as every program reads them from the environment. */
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
