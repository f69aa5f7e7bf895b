import type { Context, Middleware } from "koa";
import { fileOf, pageAt, redirectAt, sessionCall, type Address } from "../../../web/addresses.ts";
import { firstCalls } from "../../../web/first-calls.ts";
import { titleAt } from "../../../web/titles.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { setRoute } from "../middleware/request-state.ts";
import type { Subrequest } from "./subrequest.ts";
import type { Assets } from "./assets.ts";
import { renderShell, type FirstAnswer } from "./shell.ts";

export interface PageParts {
  /** `undefined`: the pages are not built. */
  readonly assets: Assets | undefined;
  readonly clientInfo: ClientInfo;
  /** Hosts of images that a README may show. */
  readonly imageHosts: readonly string[];
  /** Whether search engines may index the pages. */
  readonly mayIndex: boolean;
}

/**
 * Serves the web pages: their HTML, their files, and redirects from addresses of Docker Hub. The pages have no data of
 * their own: what they show comes from API routes, which check the permission of the caller. All other requests go on
 * to the router.
 */
export function servePages(parts: PageParts, subrequest: Subrequest): Middleware {
  const { assets, clientInfo, imageHosts, mayIndex } = parts;
  const policy = contentSecurityPolicy(imageHosts);
  const robots = mayIndex ? "User-agent: *\nAllow: /\n" : "User-agent: *\nDisallow: /\n";

  return async (ctx, next) => {
    const { path } = ctx;
    if (path.startsWith("/v2") || path.startsWith("/api/")) return next();
    if (ctx.method !== "GET" && ctx.method !== "HEAD") return next();
    if (path.startsWith("/assets/") || path === "/favicon.svg") {
      if (assets?.send(ctx) !== true) return next();
      setRoute(ctx, "/assets/*file");
      return undefined;
    }
    if (path === "/robots.txt") {
      setRoute(ctx, path);
      ctx.body = robots;
      return undefined;
    }
    const redirect = await redirectOf(ctx, subrequest);
    if (redirect !== undefined) {
      setRoute(ctx, "web page");
      return ctx.redirect(redirect);
    }
    const address = pageAt(path);
    if (address === undefined || ctx.accepts("html") === false) return next();
    setRoute(ctx, "web page");
    setHeaders(ctx, policy, clientInfo.originOf(ctx.req).startsWith("https:"));
    if (assets === undefined) {
      ctx.status = 503;
      ctx.body = "The web pages are not built: run npm run build.\n";
      return undefined;
    }
    const answers = await askFirst(ctx, address, subrequest);
    const [main] = firstCalls(address, ctx.URL.searchParams);
    const answer = main === undefined ? undefined : answers.get(main);
    ctx.status = answer !== undefined && answer.status >= 400 ? answer.status : 200;
    ctx.type = "text/html; charset=utf-8";
    ctx.body = renderShell({
      ...{ assets, mayIndex, answers, imageHosts },
      page: fileOf(address.page),
      title: titleAt(address),
      description: answer?.status === 200 ? descriptionIn(answer.body) : undefined,
    });
    return undefined;
  };
}

async function redirectOf(ctx: Context, subrequest: Subrequest): Promise<string | undefined> {
  const redirect = redirectAt(ctx.path);
  if (redirect === undefined) return undefined;
  // Programs ask for any type. At the path of an image reference only a browser gets a page.
  const isPage = /^\/[r_]\//.test(ctx.path) && ctx.accepts("html") !== false;
  if (!isPage && !ctx.get("Accept").includes("text/html")) return undefined;
  const address = pageAt(ctx.path);
  if (address?.page !== "repository") return redirect;
  // A repository can have the name `team/tags`.
  const [call = ""] = firstCalls(address, ctx.URL.searchParams);
  return (await subrequest(ctx, call)).status === 200 ? undefined : redirect;
}

async function askFirst(
  ctx: Context,
  address: Address,
  subrequest: Subrequest,
): Promise<ReadonlyMap<string, FirstAnswer>> {
  const calls = [...firstCalls(address, ctx.URL.searchParams), sessionCall];
  return new Map(
    await Promise.all(calls.map(async (url) => [url, await subrequest(ctx, url)] as const)),
  );
}

function descriptionIn(body: string): string | undefined {
  const { description } = JSON.parse(body) as { readonly description?: unknown };
  return typeof description === "string" && description !== "" ? description : undefined;
}

/**
 * Only scripts and styles of this registry run, no script can write HTML, and no other site can frame a page. Images of
 * other hosts are blocked by default: the host would learn the address of each reader of a README.
 */
const contentSecurityPolicy = (imageHosts: readonly string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    `img-src ${["'self'", ...imageHosts].join(" ")}`,
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");

function setHeaders(ctx: Context, policy: string, isHttps: boolean): void {
  ctx.set("Content-Security-Policy", policy);
  ctx.set("Referrer-Policy", "same-origin");
  ctx.set("Cross-Origin-Resource-Policy", "same-origin");
  // Browsers ignore the header on plain http, and some of them log a warning.
  if (isHttps) ctx.set("Cross-Origin-Opener-Policy", "same-origin");
  ctx.set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
  ctx.set("Cache-Control", "private, no-cache");
  ctx.vary("Cookie");
}
