import { lazy } from "./lazy.tsx";

/** A README. The Markdown renderer is loaded only where there is one. */
export const ReadmeText = lazy(async () => (await import("../readme/readme.tsx")).ReadmeElements, {
  isQuiet: false,
});
