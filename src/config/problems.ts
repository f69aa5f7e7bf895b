/** One error in the configuration. */
export interface ConfigProblem {
  /**
   * The key with dots (`limits.drainTimeout`, `mirrors[0].upstream`), or the file or variable if the problem has no
   * key.
   */
  readonly key: string;
  /** The source of the value: `--listen`, `BERTH_LISTEN`, `berth.yaml line 3`. */
  readonly source?: string | undefined;
  /** The value as text; asterisks for a secret; missing if there is no value. */
  readonly found?: string | undefined;
  /** The reason, if the value alone does not show it. */
  readonly what?: string | undefined;
  /** The allowed values. */
  readonly allowed: string;
}

/** The configuration cannot be used. The message is text for the user. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(renderProblems(problems));
    this.problems = problems;
  }
}

/** All problems as text for a terminal, two lines each, with a line break at the end. */
export function renderProblems(problems: readonly ConfigProblem[]): string {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return `The configuration has ${count}:\n\n${problems.map(render).join("\n")}`;
}

function render({ key, source, found, what, allowed }: ConfigProblem): string {
  const origin = source === undefined ? "" : ` (${source})`;
  const value = found === undefined ? undefined : `found ${found}`;
  const wrong = [value, what].filter((part) => part !== undefined).join("; ") || "is missing";
  return `  ${key}${origin}: ${wrong}\n    allowed: ${allowed}\n`;
}

/** A value in a message: as shortened JSON, never a secret. */
export function show(value: unknown, secret = false): string | undefined {
  if (value === undefined) return undefined;
  if (secret) return "********";
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** The text of a system error: `no such file or directory`. */
export function reasonOf(error: unknown): string {
  const reasons: Record<string, string> = {
    ENOENT: "no such file",
    EACCES: "permission denied",
    EPERM: "permission denied",
    EISDIR: "it is a folder",
    EEXIST: "it is not a folder",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    ENOTDIR: "a part of the path is not a folder",
  };
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return reasons[code] ?? (error instanceof Error ? error.message : String(error));
}
