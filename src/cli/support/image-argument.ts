import { CliError } from "./failure.ts";

/** `team/app:1.4` */
export function parseImage(text: string): { readonly name: string; readonly tag: string } {
  const at = text.lastIndexOf(":");
  if (at <= 0 || text.includes("/", at)) throw new CliError(`${text} names no tag: say name:tag`);
  return { name: text.slice(0, at), tag: text.slice(at + 1) };
}
