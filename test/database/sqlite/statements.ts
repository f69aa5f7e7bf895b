/** Splits the text of a migration into its statements. */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let statement = "";
  for (const [piece] of text.matchAll(/'(?:[^']|'')*'|--.*$|;|[^'\-;]+|-/gm)) {
    if (piece.startsWith("--")) continue;
    // The statements inside a trigger are part of its CREATE TRIGGER statement.
    const ends =
      !/^\s*CREATE\s+(?:TEMP\w*\s+)?TRIGGER\b/i.test(statement) || /\bEND\s*$/i.test(statement);
    if (piece === ";" && ends) {
      statements.push(statement.trim());
      statement = "";
    } else statement += piece;
  }
  return statement.trim() === "" ? statements : [...statements, statement.trim()];
}
