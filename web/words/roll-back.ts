import { many, size } from "../format.ts";

/* Sentences of the dialogs that move or delete tags. A second language is a second folder. */

export const rollback = {
  title: (tag: string, digest: string) => `Roll ${tag} back to ${digest}?`,
  hint: "Clients get this image at their next pull of the tag.",
  confirm: "Roll back",
  done: (tag: string, digest: string) => `${tag} points at ${digest} again.`,
  undo: "Undo",
  computing: "Computing the difference …",
  changes: (bytes: number, settings: number) =>
    `A client with the current image downloads ${size(bytes)}. ${many(settings, "setting differs", "settings differ")}.`,
  noDifference: "The difference could not be computed:",
};
