/* A small parser for the HTML in a README. It knows tags, attributes and text; it never makes a script or a style. */

export type HtmlPart =
  | string
  | {
      readonly name: string;
      readonly attributes: Readonly<Record<string, string>>;
      readonly children: HtmlPart[];
    };

const empty = new Set(["br", "img", "hr", "source"]);
/** Their content is code, not text. */
const dropped =
  /<(script|style|template|textarea|title|noscript|iframe|svg|math)\b[^]*?(?:<\/\1\s*>|$)/gi;
const depthAtMost = 20;

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: "\u00a0",
};

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{1,8}));/gi,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return entities[String(name).toLowerCase()] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

/** The elements and the text of a piece of HTML. Unknown and unclosed elements keep their text. */
export function parseHtml(source: string): readonly HtmlPart[] {
  const root: HtmlPart[] = [];
  const open: { readonly name: string; readonly children: HtmlPart[] }[] = [
    { name: "", children: root },
  ];
  const text = source.replace(dropped, "").replace(/<!--[^]*?(?:-->|$)/g, "");
  const tag =
    /<(\/?)([a-z][\w-]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>=`]+))?)*)\s*\/?>/gi;
  let at = 0;
  for (const found of text.matchAll(tag)) {
    const parent = open.at(-1) ?? { name: "", children: root };
    if (found.index > at) parent.children.push(decode(text.slice(at, found.index)));
    at = found.index + found[0].length;
    const name = (found[2] ?? "").toLowerCase();
    if (found[1] === "/") {
      const index = open.findLastIndex((element) => element.name === name);
      if (index > 0) open.length = index;
      continue;
    }
    const element = { name, attributes: attributesOf(found[3] ?? ""), children: [] };
    parent.children.push(element);
    if (!empty.has(name) && open.length < depthAtMost) open.push(element);
  }
  if (at < text.length) open.at(-1)?.children.push(decode(text.slice(at)));
  return root;
}

function attributesOf(text: string): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(/([^\s"'<>/=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=`]+))/g)];
  return Object.fromEntries(
    pairs.map(([, name = "", double, single, bare]) => [
      name.toLowerCase(),
      decode(double ?? single ?? bare ?? ""),
    ]),
  );
}
