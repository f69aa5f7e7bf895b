import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Context } from "koa";

/** The built files of the web pages (`dist/web`), in memory: about 400 kB with their compressed forms. */
export interface Assets {
  /** URLs of what every page loads first. */
  readonly script: string;
  readonly style: string;
  readonly font: string;
  /** URLs of the scripts that `script` and the script of a page import. */
  preloadsOf(file: string): readonly string[];
  /** Sends the file of a path below `/assets/`; false if there is none. */
  send(ctx: Context): boolean;
}

interface File {
  readonly plain: Buffer;
  readonly br: Buffer | undefined;
  readonly gzip: Buffer | undefined;
}

const types: Readonly<Record<string, string>> = {
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".woff2": "font/woff2",
  ".svg": "image/svg+xml",
};

const prefix = "/assets/";

/** Reads the built files; `undefined` if the pages are not built. */
export function loadAssets(folders: readonly string[]): Assets | undefined {
  for (const folder of folders) {
    try {
      return assetsOf(folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return undefined;
}

function assetsOf(folder: string): Assets {
  const entries = JSON.parse(readFileSync(path.join(folder, "files.json"), "utf8")) as {
    readonly script: string;
    readonly style: string;
    readonly font: string;
    readonly preload: readonly string[];
    readonly pages: Readonly<Record<string, readonly string[]>>;
  };
  const names = new Set(readdirSync(folder));
  const read = (name: string) =>
    names.has(name) ? readFileSync(path.join(folder, name)) : undefined;
  const files = new Map<string, File>();
  for (const name of names) {
    const plain = path.extname(name) in types ? read(name) : undefined;
    if (plain !== undefined)
      files.set(name, { plain, br: read(`${name}.br`), gzip: read(`${name}.gz`) });
  }
  const urlOf = (name: string): string => prefix + name;
  return {
    script: urlOf(entries.script),
    style: urlOf(entries.style),
    font: urlOf(entries.font),
    preloadsOf: (page) => [...entries.preload, ...(entries.pages[page] ?? [])].map(urlOf),
    send(ctx) {
      const name = ctx.path === "/favicon.svg" ? "favicon.svg" : ctx.path.slice(prefix.length);
      const file = files.get(name);
      if (file === undefined) return false;
      // The names of built files have a hash of their content; `favicon.svg` has none.
      const hasHash = /-[A-Z0-9]{8}\./.test(name);
      ctx.set("Cache-Control", hasHash ? "public, max-age=31536000, immutable" : "max-age=86400");
      ctx.set("Content-Type", types[path.extname(name)] ?? "application/octet-stream");
      ctx.set("Cross-Origin-Resource-Policy", "same-origin");
      ctx.vary("Accept-Encoding");
      const encoding = ctx.acceptsEncodings(
        ...(file.br === undefined ? [] : ["br"]),
        ...(file.gzip === undefined ? [] : ["gzip"]),
        "identity",
      );
      const body = encoding === "br" ? file.br : encoding === "gzip" ? file.gzip : undefined;
      if (body !== undefined && encoding !== false) ctx.set("Content-Encoding", encoding);
      ctx.status = 200;
      ctx.body = body ?? file.plain;
      return true;
    },
  };
}
