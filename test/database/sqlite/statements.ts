/** The statements of a migration, which SQLite takes one after the other. */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let statement = "";
  for (const [piece] of text.matchAll(/'(?:[^']|'')*'|--.*$|;|[^'\-;]+|-/gm)) {
    if (piece.startsWith("--")) continue;
    // The statements of a trigger are part of it.
    const ends =
      !/^\s*CREATE\s+(?:TEMP\w*\s+)?TRIGGER\b/i.test(statement) || /\bEND\s*$/i.test(statement);
    if (piece === ";" && ends) {
      statements.push(statement.trim());
      statement = "";
    } else statement += piece;
  }
  return statement.trim() === "" ? statements : [...statements, statement.trim()];
}
