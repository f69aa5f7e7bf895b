import { repositoryAddress } from "./addresses.ts";
import { store, stored } from "./choices.ts";
import { go, placeNow } from "./router.ts";

/** Single-key shortcuts can be switched off (WCAG 2.1.4). */
export const keysAreOn = (): boolean => stored("shortcuts") !== "off";
export const setKeys = (isOn: boolean): void => store("shortcuts", isOn ? "on" : "off");

/** Listens for the shortcuts; they do nothing while the user types or a dialog is open. */
export function startKeys(onHelp: () => void): () => void {
  let isAfterG = false;
  const listener = (event: KeyboardEvent) => {
    const { target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !keysAreOn()) return;
    if (target instanceof Element && target.closest("input, textarea, select, dialog") !== null)
      return;
    const pressed = isAfterG ? `g ${event.key}` : event.key;
    isAfterG = pressed === "g";
    const run = actionOf(pressed, onHelp);
    if (run === undefined) return;
    event.preventDefault();
    run();
  };
  document.addEventListener("keydown", listener);
  return () => document.removeEventListener("keydown", listener);
}

function actionOf(pressed: string, onHelp: () => void): (() => void) | undefined {
  const { name } = placeNow().address?.params ?? {};
  switch (pressed) {
    case "/":
      return () => document.querySelector<HTMLInputElement>("#search")?.select();
    case "g e":
      return () => go("/search");
    case "g m":
      return () => go("/mirrors");
    case "t":
      return name === undefined ? undefined : () => go(repositoryAddress(name, "/-/tags"));
    case "c":
      return () => document.querySelector<HTMLButtonElement>("[data-main-copy]")?.click();
    case "?":
      return onHelp;
    default:
      return undefined;
  }
}
