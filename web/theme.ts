import { store, stored } from "./choices.ts";

export type Theme = "system" | "light" | "dark";

/** The stored choice; otherwise as the system. */
export function themeNow(): Theme {
  const theme = stored("theme");
  return theme === "light" || theme === "dark" ? theme : "system";
}

export function chooseTheme(theme: Theme): void {
  store("theme", theme);
  applyTheme(theme);
}

export function applyTheme(theme: Theme = themeNow()): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset["theme"];
  else dataset["theme"] = theme;
}
