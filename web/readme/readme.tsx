import { marked, type Token, type Tokens } from "marked";
import { h, type ComponentChildren } from "preact";
import { visibleText } from "../format.ts";
import { parseHtml, type HtmlPart } from "./html-subset.ts";

/*
 * Markdown as elements: no text of a user is ever parsed as HTML by the browser. Links go to http, https and mailto;
 * images are shown only from hosts that the operator allows, by the Content-Security-Policy.
 */

const charactersAtMost = 25_000;
const tokensAtMost = 2000;
const depthAtMost = 20;

/** The lexer throws RangeError for deeply nested input: then the text is shown as it is. */
function tokensOf(text: string): readonly Token[] | undefined {
  try {
    return marked.lexer(text.slice(0, charactersAtMost));
  } catch {
    return undefined;
  }
}

/** The README of a repository. */
export function ReadmeElements({ text }: { readonly text: string }) {
  const tokens = tokensOf(text);
  const budget = { left: tokensAtMost };
  return (
    <div class="prose">
      {tokens === undefined ? (
        <pre tabIndex={0}>{visibleText(text)}</pre>
      ) : (
        blocks(tokens, budget, 0)
      )}
    </div>
  );
}

interface Budget {
  left: number;
}

function blocks(tokens: readonly Token[], budget: Budget, depth: number): ComponentChildren {
  if (depth > depthAtMost) return null;
  return withHtmlJoined(tokens).map((token) => {
    budget.left -= 1;
    return budget.left < 0 ? null : one(token, budget, depth);
  });
}

/** The lexer gives the tags of HTML inside a line one by one: from the first to the last they are one piece. */
function withHtmlJoined(tokens: readonly Token[]): readonly Token[] {
  const isTag = (token: Token) => token.type === "html" && !(token as Tokens.HTML).block;
  const [from, to] = [tokens.findIndex(isTag), tokens.findLastIndex(isTag)];
  if (from === to) return tokens;
  const raw = tokens
    .slice(from, to + 1)
    .map((token) => token.raw)
    .join("");
  return [
    ...tokens.slice(0, from),
    { type: "html", raw, block: false },
    ...tokens.slice(to + 1),
  ] as Token[];
}

const inside = (
  token: { readonly tokens?: Token[] | undefined; readonly text?: string },
  budget: Budget,
  depth: number,
) =>
  token.tokens === undefined
    ? visibleText(token.text ?? "")
    : blocks(token.tokens, budget, depth + 1);

/** `## Run it` has the anchor `readme-run-it`. */
const anchorOf = (text: string): string =>
  `readme-${text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 80)}`;

function one(token: Token, budget: Budget, depth: number): ComponentChildren {
  switch (token.type) {
    case "heading":
      return heading(token as Tokens.Heading, budget, depth);
    case "paragraph":
      return <p>{inside(token, budget, depth)}</p>;
    case "text":
    case "escape":
      return inside(token, budget, depth);
    case "strong":
      return <strong>{inside(token, budget, depth)}</strong>;
    case "em":
      return <em>{inside(token, budget, depth)}</em>;
    case "del":
      return <del>{inside(token, budget, depth)}</del>;
    case "codespan":
      return <code>{visibleText((token as Tokens.Codespan).text)}</code>;
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{visibleText((token as Tokens.Code).text)}</code>
        </pre>
      );
    case "br":
      return <br />;
    case "hr":
      return <hr />;
    case "blockquote":
      return <blockquote>{inside(token, budget, depth)}</blockquote>;
    case "list":
      return list(token as Tokens.List, budget, depth);
    case "table":
      return table(token as Tokens.Table, budget, depth);
    case "link": {
      const { href } = token as Tokens.Link;
      return <Link href={href}>{inside(token, budget, depth)}</Link>;
    }
    case "image": {
      const { href, text } = token as Tokens.Image;
      return <Image source={href} alt={text} />;
    }
    case "html":
      return html(parseHtml((token as Tokens.HTML).raw));
    default:
      return null;
  }
}

/** A README begins below the h2 of its card. */
function heading(token: Tokens.Heading, budget: Budget, depth: number) {
  const Level = `h${Math.min(6, token.depth + 2)}` as "h3" | "h4" | "h5" | "h6";
  return <Level id={anchorOf(token.text)}>{inside(token, budget, depth)}</Level>;
}

function list(token: Tokens.List, budget: Budget, depth: number) {
  const items = token.items.map((item) => (
    <li>
      {item.task && (
        <input type="checkbox" disabled checked={item.checked === true} aria-label="Task" />
      )}
      {blocks(item.tokens, budget, depth + 1)}
    </li>
  ));
  return token.ordered ? <ol start={Number(token.start) || 1}>{items}</ol> : <ul>{items}</ul>;
}

const table = (token: Tokens.Table, budget: Budget, depth: number) => (
  <div class="scroll-x" tabIndex={0} role="group" aria-label="Table">
    <table>
      <thead>
        <tr>
          {token.header.map((cell) => (
            <th>{blocks(cell.tokens, budget, depth + 1)}</th>
          ))}
        </tr>
      </thead>
      <tbody>
        {token.rows.map((row) => (
          <tr>
            {row.map((cell) => (
              <td>{blocks(cell.tokens, budget, depth + 1)}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** The target of a link if it may be followed: http, https, mailto, or an anchor in this README. */
export function safeLink(href: string): string | undefined {
  if (/^#[\w-]{1,80}$/.test(href)) return `#readme-${href.slice(1).toLowerCase()}`;
  if (!URL.canParse(href)) return undefined;
  const { protocol } = new URL(href);
  return ["http:", "https:", "mailto:"].includes(protocol) ? href : undefined;
}

export function Link({
  href,
  children,
}: {
  readonly href: string;
  readonly children?: ComponentChildren;
}) {
  const target = safeLink(href);
  if (target === undefined) return <>{children}</>;
  return (
    <a href={target} rel="nofollow ugc noopener noreferrer">
      {children}
    </a>
  );
}

/** A blocked image becomes a link with its alternative text. */
function Image({ source, alt }: { readonly source: string; readonly alt: string }) {
  if (!isAllowedImage(source))
    return <Link href={source}>{visibleText(alt === "" ? source : alt)}</Link>;
  return <img src={source} alt={alt} loading="lazy" referrerPolicy="no-referrer" />;
}

/** The hosts of `web.imageHosts`, as the Content-Security-Policy has them: `*.example.com` is each host below it. */
function isAllowedImage(source: string): boolean {
  if (!URL.canParse(source)) return false;
  const { host, protocol } = new URL(source);
  const meta = globalThis.document?.querySelector<HTMLMetaElement>('meta[name="image-hosts"]');
  const allowed = (meta?.content ?? "").split(" ");
  return (
    /^https?:$/.test(protocol) &&
    allowed.some((one) => one === host || (one.startsWith("*.") && host.endsWith(one.slice(1))))
  );
}

const elements = new Map([
  ["br", "br"],
  ["kbd", "kbd"],
  ["sub", "sub"],
  ["sup", "sup"],
  ["details", "details"],
  ["summary", "summary"],
  ["p", "p"],
  ["div", "div"],
  ["h1", "h3"],
  ["h2", "h4"],
  ["h3", "h5"],
  ["h4", "h6"],
  ["b", "strong"],
  ["strong", "strong"],
  ["i", "em"],
  ["em", "em"],
  ["code", "code"],
]);

/** HTML in Markdown: a few elements without attributes, links and images; the rest is dropped, its text stays. */
function html(parts: readonly HtmlPart[]): ComponentChildren {
  return parts.map((part) => {
    if (typeof part === "string") return visibleText(part);
    const children = html(part.children);
    if (part.name === "a") return <Link href={part.attributes["href"] ?? ""}>{children}</Link>;
    if (part.name === "img")
      return <Image source={part.attributes["src"] ?? ""} alt={part.attributes["alt"] ?? ""} />;
    const Element = elements.get(part.name);
    if (Element === undefined) return children;
    return h(Element, null, Element === "br" ? undefined : children);
  });
}
