/* What the user chose in this browser: theme, shortcuts, client. */

export type Choice = "theme" | "shortcuts" | "client";

/** The stored choice; a browser may forbid to store. */
export function stored(choice: Choice): string | null {
  try {
    return localStorage.getItem(choice);
  } catch {
    return null;
  }
}

export function store(choice: Choice, value: string): void {
  try {
    localStorage.setItem(choice, value);
  } catch {
    // The choice holds until the page is loaded again.
  }
}
