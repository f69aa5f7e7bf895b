/* The text of answers in CSV (RFC 4180). */

/** A line without its line break. */
export const csvLine = (cells: readonly string[]): string => cells.map(quote).join(",");

/** A leading `'` keeps a spreadsheet from running the text as a formula. */
function quote(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
