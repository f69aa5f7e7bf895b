import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { h } from "preact";
import { renderToString } from "preact-render-to-string";
import { ReadmeElements } from "../../web/readme/readme.tsx";

const shown = (text: string): string => renderToString(h(ReadmeElements, { text }));

/** Texts that try to run a script or to load something. */
const attacks = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg onload=alert(1)><circle/></svg>",
  "<math><mtext><script>alert(1)</script></mtext></math>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:x)",
  "![x](javascript:alert(1))",
  '![x](https://evil.example/x.png "onerror=alert(1)")',
  '<a href="javascript:alert(1)">x</a>',
  "<a href='jav&#x09;ascript:alert(1)'>x</a>",
  "<a href=//evil.example>x</a>",
  '<a href="x" onclick="alert(1)">x</a>',
  "<iframe src=https://evil.example></iframe>",
  "<object data=x></object><embed src=x>",
  "<form action=https://evil.example><input name=q></form>",
  "<style>*{display:none}</style>",
  '<p style="position:fixed;inset:0">x</p>',
  '<div id="app" class="toast">x</div>',
  "<base href=https://evil.example>",
  '<meta http-equiv=refresh content="0;url=https://evil.example">',
  "<link rel=stylesheet href=https://evil.example/x.css>",
  "<details open ontoggle=alert(1)>x</details>",
  "<!--><script>alert(1)</script>-->",
  "<scr<script>ipt>alert(1)</script>",
  "<a href=`javascript:alert(1)`>x</a>",
  "`<script>alert(1)</script>`",
  "```html\n<script>alert(1)</script>\n```",
  '<img src="https://evil.example/pixel.gif" width=1>',
  "<x-custom onclick=alert(1)>x</x-custom>",
  "<constructor>x</constructor>",
  "<template><script>alert(1)</script></template>",
];

const startTags = /<(\w[\w-]*)((?:\s+[\w-]+(?:="[^"]*")?)*)\s*\/?>/g;
const elements =
  /^(?:div|p|pre|code|h[3-6]|a|ul|ol|li|strong|em|del|br|hr|blockquote|table|thead|tbody|tr|th|td|input|kbd|sub|sup|details|summary|img)$/;
const attributes = /^(?:class|href|rel|id|tabindex|start|type|checked|disabled|aria-label|role)$/;

describe("a README", () => {
  for (const attack of attacks)
    test(`becomes only harmless elements and attributes: ${JSON.stringify(attack)}`, () => {
      const html = shown(attack);
      const left = html.replaceAll(startTags, "").replaceAll(/<\/\w+>/g, "");
      assert.ok(!left.includes("<"), `markup that this test does not read: ${left}`);
      for (const [, name = "", rest = ""] of html.matchAll(startTags)) {
        assert.match(name, elements, html);
        for (const [, attribute = ""] of rest.matchAll(/\s([\w-]+)(?:="[^"]*")?/g))
          assert.match(attribute, attributes, html);
      }
      for (const [, href = ""] of html.matchAll(/href="([^"]*)"/g))
        assert.match(href, /^(?:https?:\/\/|mailto:|#readme-)/, html);
      assert.ok(!/<img/.test(html), "an image of a host that is not allowed");
    });

  test("shows Markdown: headings below the page's, lists, tables, code and links", () => {
    const html = shown(
      "# A\n\n- one\n- **two**\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n[x](https://example.com) `code`",
    );
    assert.match(html, /<h3 id="readme-a">A<\/h3>/);
    assert.match(html, /<strong>two<\/strong>/);
    assert.match(html, /<td>1<\/td>/);
    assert.match(
      html,
      /<a href="https:\/\/example.com" rel="nofollow ugc noopener noreferrer">x<\/a>/,
    );
  });

  test("keeps the few HTML elements that people use in READMEs, and the text of all others", () => {
    const html = shown(
      "<details><summary>More</summary>\n\ntext\n\n</details>\n\npress <kbd>Ctrl</kbd> <blink>now</blink>",
    );
    assert.match(html, /<summary>More<\/summary>/);
    assert.match(html, /<kbd>Ctrl<\/kbd>/);
    assert.match(html, /now/);
    assert.ok(!html.includes("blink"));
  });

  test("links to an image of another host instead of loading it", () => {
    assert.match(
      shown("![logo](https://img.example.com/x.png)"),
      /<a href="https:\/\/img.example.com\/x.png"[^>]*>logo<\/a>/,
    );
  });

  test("is shown as it is if it is nested too deeply to be parsed", () => {
    for (const text of [
      ">".repeat(25_000),
      "[".repeat(25_000),
      "* ".repeat(12_000),
      "<b>".repeat(8000),
    ])
      assert.ok(shown(text).length > 0);
  });
});
