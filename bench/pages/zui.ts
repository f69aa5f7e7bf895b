import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { gzipSync } from "node:zlib";

/*
 * Serves the built web pages of zot (zui) with canned answers of zot's search API for the same content. The answers take
 * no time, so the figures are those of the pages alone.
 */

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".css": "text/css",
  ".html": "text/html",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

export interface ZuiContent {
  readonly repositories: readonly string[];
  /** Of the first repository. */
  readonly tags: readonly string[];
  readonly layers: readonly { readonly command: string; readonly size: number }[];
}

const updated = "2026-11-20T10:00:00Z";
const digest = `sha256:${"a".repeat(64)}`;
const platforms = [
  { Os: "linux", Arch: "amd64" },
  { Os: "windows", Arch: "amd64" },
];
const severity = { MaxSeverity: "NONE", Count: 0 };

/** The answer to a GraphQL query of zui (src/api.js). */
function answerOf(query: string, { repositories, tags, layers }: ZuiContent): unknown {
  const newest = {
    ...{ RepoName: repositories[0], Tag: tags[0], Vulnerabilities: severity, IsSigned: false },
    ...{ Description: "A service", SignatureInfo: [], DownloadCount: 1, Documentation: "" },
  };
  const repos = repositories.map((Name) => ({
    ...{ Name, LastUpdated: updated, Size: "1200000", Platforms: platforms, NewestImage: newest },
    ...{ IsStarred: false, IsBookmarked: false, StarCount: 0, DownloadCount: 1 },
  }));
  const manifests = platforms.map((Platform) => ({
    ...{ Digest: digest, ConfigDigest: digest, Platform, Size: "1200000", LastUpdated: updated },
    Referrers: [],
    Layers: layers.map(({ size }) => ({ Size: String(size), Digest: digest })),
    History: layers.map(({ command, size }) => ({
      Layer: { Size: String(size), Digest: digest },
      HistoryDescription: { CreatedBy: command, EmptyLayer: false },
    })),
  }));
  const imageOf = (Tag: string) => ({
    ...{ RepoName: repositories[0], Tag, Manifests: manifests, LastUpdated: updated },
    ...{ Vulnerabilities: severity, IsSigned: false, SignatureInfo: [], Referrers: [] },
  });
  if (query.includes("ExpandedRepoInfo"))
    return { ExpandedRepoInfo: { Images: tags.map(imageOf), Summary: repos[0] } };
  if (query.includes("GlobalSearch"))
    return {
      GlobalSearch: {
        Page: { TotalCount: repos.length, ItemCount: repos.length },
        Repos: repos,
        Images: [],
      },
    };
  if (query.includes("{Image(")) return { Image: imageOf(tags[0] ?? "latest") };
  return { RepoListWithNewestImage: { Results: repos }, Referrers: [] };
}

/** @param folder `build` of zui */
export async function startZui(folder: string, content: ZuiContent): Promise<Server> {
  const files = new Map<string, Buffer>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (path.extname(name) !== "") files.set(`/${name}`, readFileSync(path.join(folder, name)));
  const packed = new Map(
    [...files]
      .filter(([name]) => /\.(?:js|css|html|svg)$/.test(name))
      .map(([name, bytes]) => [name, gzipSync(bytes, { level: 9 })]),
  );
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    if (url.pathname.startsWith("/v2")) {
      const data = url.pathname.includes("mgmt")
        ? { http: {} }
        : { data: answerOf(url.searchParams.get("query") ?? "", content) };
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(JSON.stringify(data));
      return;
    }
    const name = files.has(url.pathname) ? url.pathname : "/index.html";
    const gzip = packed.get(name);
    response.writeHead(200, {
      "Content-Type": types[path.extname(name)] ?? "application/octet-stream",
      ...(gzip === undefined ? {} : { "Content-Encoding": "gzip" }),
    });
    response.end(gzip ?? files.get(name));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

export const portOf = (server: Server): number => (server.address() as AddressInfo).port;
