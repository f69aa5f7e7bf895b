/*
 * Characters that change what a terminal or a log viewer shows instead of being shown: the control characters C0 and C1
 * (Unicode category Cc), the bidirectional controls (Unicode TR 9, property Bidi_Control), and the two separators that
 * some viewers break a line at. With them a stored text could forge a line, colours or the order of characters.
 */
const control = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;
const controls = new RegExp(control, "gu");
/** As JSON writes the control characters C0, all but tab, line feed and carriage return. */
const escapedControls = /\\u00(?:0[0-8bcef]|1[0-9a-f]|7f|[89][0-9a-f])/gi;

/** Whether a text can be stored as a name, a label or any other text of one line. */
export const isPrintableLine = (text: string): boolean => !control.test(text);

/** The same for a text of many lines: tab, line feed and carriage return are allowed. */
export const isPrintableText = (text: string): boolean =>
  isPrintableLine(text.replace(/[\t\n\r]/g, ""));

/** A text as one line without control characters; tabs and line breaks become spaces. */
export const printableLine = (text: string): string =>
  text.replace(/\r\n|[\t\n\r]/g, " ").replace(controls, "");

/** JSON with the control characters that JSON allows inside of strings written as `\u009b`: the same value, safe to show. */
export const printableJson = (json: string): string =>
  json.replace(controls, (character) =>
    character === "\n" ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** A line of JSON whose strings another program will decode and show: control characters become U+FFFD, but line breaks stay. */
export const withoutEscapedControls = (json: string): string =>
  json
    .replace(escapedControls, "\\ufffd")
    .replace(controls, (character) => (character === "\n" ? character : "\ufffd"));
