/*
 * Characters that control a terminal or a log viewer: the C0 and C1 control characters (Unicode category Cc), the
 * bidirectional controls (Unicode UAX 9, property Bidi_Control), and the separators U+2028 and U+2029, at which some
 * viewers break the line. With them a stored text could forge lines, colours or the order of characters.
 */
const control = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const controls = new RegExp(control, "gu");
/** JSON escapes of the C0 and C1 control characters and DEL, except tab, line feed and carriage return. */
const escapedControls = /\\u00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])/gi;

/** Whether a text may be stored as a name, a label or another single-line text. */
export const isPrintableLine = (text: string): boolean => !control.test(text);

/** The same for multi-line texts: allows tab, line feed and carriage return. */
export const isPrintableText = (text: string): boolean =>
  isPrintableLine(text.replace(/[\t\n\r]/g, ""));

/** Returns a text as one line without control characters. Tabs and line breaks become spaces. */
export const printableLine = (text: string): string =>
  text.replace(/\r\n|[\t\n\r]/g, " ").replace(controls, "");

/** Escapes control characters that JSON allows unescaped in strings, such as `\u009b`. The parsed value is the same. */
export const printableJson = (json: string): string =>
  json.replace(controls, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/**
 * For JSON lines whose strings another program decodes and prints: replaces control characters by U+FFFD, except line
 * feeds.
 */
export const withoutEscapedControls = (json: string): string =>
  json
    .replace(escapedControls, "\\ufffd")
    .replace(controls, (character) => (character === "\n" ? character : "\ufffd"));
