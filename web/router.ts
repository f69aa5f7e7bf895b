import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { pageAt, type Address } from "./addresses.ts";

/** Where the user is. `address` is undefined at a path without a page. */
export interface Place {
  readonly url: URL;
  readonly address: Address | undefined;
}

export const placeNow = (): Place => {
  const url = new URL(location.href);
  return { url, address: pageAt(url.pathname) };
};

export const PlaceContext = createContext<Place>({
  url: new URL("http://localhost/"),
  address: undefined,
});
export const usePlace = (): Place => useContext(PlaceContext);
/** The parameters in the path of the page. */
export const useParams = (): Readonly<Record<string, string>> => usePlace().address?.params ?? {};

/** A change of the address. */
export interface Move {
  readonly place: Place;
  /** The path changed, not only the query. */
  readonly isNewPage: boolean;
  /** Where the page was scrolled when the user left it, in px; 0 at a page that was not left. */
  readonly top: number;
}

let changed: (move: Move) => void = () => undefined;
/** Path of the page that is shown. */
let shownPath = "";

function show(top: number): void {
  const isNewPage = location.pathname !== shownPath;
  shownPath = location.pathname;
  changed({ place: placeNow(), isNewPage, top });
}

/** Called in place of going back from `address`: it asks the user first. */
let guard: { readonly address: string; readonly ask: () => void } | undefined;
const askAtEnd = (event: BeforeUnloadEvent) => event.preventDefault();

/** While `ask` is set, going back calls it, and the browser asks before it closes the page. */
export function askBeforeLeaving(ask: (() => void) | undefined): void {
  guard = ask && { address: location.href, ask };
  if (ask === undefined) removeEventListener("beforeunload", askAtEnd);
  else addEventListener("beforeunload", askAtEnd);
}

/** Goes to an address of this registry. `replace` keeps the length of the history. */
export function go(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", to);
  else {
    history.replaceState({ top: scrollY }, "");
    history.pushState(null, "", to);
  }
  show(0);
}

/** Sets parameters of the address; an empty value removes one. The page number starts again unless it is set. */
export function setQuery(
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
  options: { readonly replace?: boolean } = {},
): void {
  const url = new URL(location.href);
  url.searchParams.delete("page");
  for (const [key, value] of Object.entries(values)) {
    url.searchParams.delete(key);
    for (const one of [value ?? []].flat()) if (one !== "") url.searchParams.append(key, one);
  }
  go(url.pathname + url.search, options);
}

/** Follows links without loading the page anew. */
export function startRouter(onMove: (move: Move) => void): void {
  changed = onMove;
  shownPath = location.pathname;
  addEventListener("popstate", ({ state }) => {
    if (guard !== undefined) {
      history.pushState(null, "", guard.address);
      guard.ask();
      return;
    }
    show((state as { readonly top?: number } | null)?.top ?? 0);
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin)
      return;
    if (link.getAttribute("href")?.startsWith("#") === true) return;
    if (pageAt(link.pathname) === undefined) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
  });
}
