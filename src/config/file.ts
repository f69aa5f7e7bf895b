import { readFile } from "node:fs/promises";
import {
  isMap,
  isNode,
  isScalar,
  LineCounter,
  parseDocument,
  type Document,
  type YAMLError,
} from "yaml";
import { reasonOf } from "./problems.ts";
import type { KeyPath } from "./keys.ts";
import type { ConfigProblem } from "./problems.ts";

export interface ConfigFile {
  /** The parsed YAML; `undefined` if it could not be read, `null` if it is empty. */
  readonly content: unknown;
  readonly problems: readonly ConfigProblem[];
  /** `berth.yaml line 3`; without a line if the file has no value at the path. */
  readonly sourceOf: (path: KeyPath) => string;
}

/**
 * Reads a file of YAML (JSON is YAML too). Never throws: errors are returned as problems.
 * @param namedBy `--config` or `BERTH_CONFIG`, for the message if the file does not exist
 */
export async function readConfigFile(file: string, namedBy: string): Promise<ConfigFile> {
  const nothing = { content: undefined, sourceOf: () => file };
  let source: string;
  try {
    source = await readFile(file, "utf8");
  } catch (error) {
    const what = `cannot be read (${reasonOf(error)})`;
    return {
      ...nothing,
      problems: [
        { key: namedBy, what, found: JSON.stringify(file), allowed: "the path of a YAML file" },
      ],
    };
  }

  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, stringKeys: true });
  const wrong = [...document.errors, ...document.warnings];
  if (wrong.length > 0)
    return { ...nothing, problems: wrong.map((error) => syntaxProblem(file, error)) };

  const sourceOf = (path: KeyPath): string => {
    const offset = offsetOf(document, path);
    return offset === undefined ? file : `${file} line ${lines.linePos(offset).line}`;
  };
  try {
    return { content: document.toJS(), problems: [], sourceOf };
  } catch (error) {
    // Too many aliases.
    return { ...nothing, problems: [{ key: file, what: reasonOf(error), allowed: "YAML" }] };
  }
}

function syntaxProblem(file: string, error: YAMLError): ConfigProblem {
  const [position] = error.linePos ?? [];
  const source =
    position === undefined ? undefined : `line ${position.line}, column ${position.col}`;
  const what = `is not valid YAML: ${error.message.split(/ at line \d+|\n/)[0]}`;
  return {
    key: file,
    source,
    what,
    allowed:
      'one "key: value" a line; quotes around text with special characters, such as "[::1]:5000"',
  };
}

/**
 * The offset of the key at a path; without a key that of its value; without a value that of the group that lacks it.
 */
function offsetOf(document: Document, path: KeyPath): number | undefined {
  if (path.length === 0) return undefined;
  const parent = path.length > 1 ? document.getIn(path.slice(0, -1), true) : document.contents;
  const name = path.at(-1);
  const key = isMap(parent)
    ? parent.items.find((pair) => isScalar(pair.key) && pair.key.value === name)?.key
    : undefined;
  const node = isScalar(key) ? key : document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : offsetOf(document, path.slice(0, -1));
}
