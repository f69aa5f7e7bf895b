import { digestAddress, pageAt, redirectAt, referenceAddress } from "./addresses.ts";

/**
 * The page of what was pasted: an image reference with or without this host or `docker pull`, an address of Docker Hub,
 * or the address of a page of this registry; `undefined` for other text.
 */
export function pastedAddress(pasted: string, host: string, origin: string): string | undefined {
  const text = pasted
    .trim()
    .replace(
      /^(?:sudo\s+)?(?:docker|podman|nerdctl|crane|skopeo|oras|helm)\s+(?:image\s+)?pull\s+/,
      "",
    )
    .replace(/^(?:docker|oci):\/\//, "");
  const hub = /^(?:https?:\/\/)?hub\.docker\.com(\/.+)$/.exec(text);
  const path = hub?.[1]?.replace(/[?#].*$/, "");
  if (path !== undefined)
    return redirectAt(path) ?? (pageAt(path) === undefined ? undefined : path);
  if (URL.canParse(text) && new URL(text).origin === origin) return new URL(text).pathname;
  const reference = text.startsWith(`${host}/`) ? text.slice(host.length + 1) : text;
  const name = /^(.+)@(sha\d+:[0-9a-f]{32,})$/.exec(reference);
  if (name !== null && !name[1]?.includes(":")) return digestAddress(name[1] ?? "", name[2] ?? "");
  const address = referenceAddress(reference);
  if (address !== undefined) return address;
  return reference !== text && /^[a-z0-9._/-]+$/.test(reference) ? `/r/${reference}` : undefined;
}
