import type { Assets } from "./assets.ts";

/** The answer of one API call, as the page would have received it. */
export interface FirstAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

/** Longer data is left out: the page asks for it again. */
const dataBytesAtMost = 64 * 1024;

/**
 * The HTML of every page: it loads the program that shows the page, and has the answers of its first API calls, so that
 * the first view needs no request.
 */
export function renderShell(parts: {
  readonly assets: Assets;
  /** The file of the page in `web/pages`. */
  readonly page: string;
  readonly title: string;
  readonly description: string | undefined;
  readonly answers: ReadonlyMap<string, FirstAnswer>;
  readonly mayIndex: boolean;
  readonly imageHosts: readonly string[];
}): string {
  const { assets, page, title, description } = parts;
  const name = title === "" ? "Berth" : `${title} · Berth`;
  const preloads = assets
    .preloadsOf(page)
    .map((url) => `\n<link rel="modulepreload" href="${url}">`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${escapeHtml(name)}</title>${described(name, description)}${parts.mayIndex ? "" : '\n<meta name="robots" content="noindex">'}${hostsOf(parts.imageHosts)}
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<link rel="preload" href="${assets.font}" as="font" type="font/woff2" crossorigin>
<link rel="stylesheet" href="${assets.style}">
<script type="module" src="${assets.script}"></script>${preloads.join("")}
</head><body><div id="app"></div>
<noscript><p>These pages need JavaScript. The same data is at <a href="/openapi.json">the API</a>.</p></noscript>
<script type="application/json" id="first">${dataOf(parts.answers)}</script></body></html>
`;
}

function described(name: string, description: string | undefined): string {
  if (description === undefined) return "";
  const text = escapeHtml(description);
  return `
<meta name="description" content="${text}">
<meta property="og:title" content="${escapeHtml(name)}">
<meta property="og:description" content="${text}">`;
}

const hostsOf = (hosts: readonly string[]): string =>
  hosts.length === 0 ? "" : `\n<meta name="image-hosts" content="${escapeHtml(hosts.join(" "))}">`;

/** JSON in a script element: `<` could end the element. */
function dataOf(answers: ReadonlyMap<string, FirstAnswer>): string {
  const entries = [...answers].map(
    ([url, { status, body }]) => `${JSON.stringify(url)}:{"status":${status},"body":${body}}`,
  );
  const data = `{${entries.join(",")}}`;
  if (Buffer.byteLength(data) > dataBytesAtMost) return "{}";
  return data
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (one) => entities[one] ?? "");
