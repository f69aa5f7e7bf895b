import { execFileSync } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { git, repository } from "./berth.ts";

/** A build of another commit of this repository. */
export interface CommitBuild {
  /** The short name of the commit. */
  readonly version: string;
  /** A work tree with `dist` and `node_modules`. */
  readonly folder: string;
  readonly remove: () => void;
}

/**
 * Builds a commit in a work tree of its own. It uses the packages of this repository if `package-lock.json` is the same,
 * and installs its own otherwise.
 * @param commit any name that git knows, such as HEAD~20
 * @param folder does not exist yet
 * @throws if there is no such commit, or if a command fails; its output is on standard error
 */
export function buildCommit(commit: string, folder: string): CommitBuild {
  const hash = git("rev-parse", "--verify", "--end-of-options", `${commit}^{commit}`);
  const version = git("rev-parse", "--short", hash);
  console.error(`building ${version}`);
  const remove = (): void => void git("worktree", "remove", "--force", folder);
  git("worktree", "add", "--quiet", "--detach", folder, hash);
  try {
    const [own, other] = [repository, folder].map((root) =>
      readFileSync(path.join(root, "package-lock.json"), "utf8"),
    );
    if (own === other)
      symlinkSync(path.join(repository, "node_modules"), path.join(folder, "node_modules"));
    else npm(folder, "ci", "--no-audit", "--no-fund");
    npm(folder, "run", "build");
  } catch (error) {
    remove();
    throw error;
  }
  return { version, folder, remove };
}

function npm(folder: string, ...args: readonly string[]): void {
  // Standard output has only the tables.
  const stdio = ["ignore", process.stderr, process.stderr] as const;
  execFileSync("npm", args, { cwd: folder, stdio: [...stdio] });
}
