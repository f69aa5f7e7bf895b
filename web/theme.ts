export type Theme = "system" | "light" | "dark";

const key = "theme";

/** The stored choice; in a browser that stores nothing, as the system. */
export function themeNow(): Theme {
  try {
    const stored = localStorage.getItem(key);
    return stored === "light" || stored === "dark" ? stored : "system";
  } catch {
    return "system";
  }
}

export function chooseTheme(theme: Theme): void {
  try {
    localStorage.setItem(key, theme);
  } catch {
    // The choice holds until the page is loaded again.
  }
  applyTheme(theme);
}

export function applyTheme(theme: Theme = themeNow()): void {
  const { dataset } = document.documentElement;
  if (theme === "system") delete dataset["theme"];
  else dataset["theme"] = theme;
}
