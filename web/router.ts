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

let changed: (place: Place, isNewPage: boolean) => void = () => undefined;

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
  const from = location.pathname;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  changed(placeNow(), location.pathname !== from);
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
export function startRouter(onChange: (place: Place, isNewPage: boolean) => void): void {
  changed = onChange;
  let path = location.pathname;
  addEventListener("popstate", () => {
    if (guard !== undefined) {
      history.pushState(null, "", guard.address);
      guard.ask();
      return;
    }
    onChange(placeNow(), location.pathname !== path);
    path = location.pathname;
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link === null || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin)
      return;
    if (link.getAttribute("href")?.startsWith("#") === true) return;
    if (pageAt(decodeURI(link.pathname)) === undefined) return;
    event.preventDefault();
    path = link.pathname;
    go(link.pathname + link.search + link.hash);
  });
}
