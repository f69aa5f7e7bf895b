import { readFile } from "node:fs/promises";
import process from "node:process";
import { CliError } from "./failure.ts";
import { printError } from "./output.ts";

/**
 * Reads a password: the first line of standard input, or at a terminal typed twice without echo. Never from an
 * argument, because each user of the machine can read the arguments of a process.
 */
export async function readNewPassword(name: string): Promise<string> {
  if (!process.stdin.isTTY) return readPasswordLine();
  const password = await prompt(`Password for ${name}: `);
  if ((await prompt("Repeat the password: ")) !== password)
    throw new CliError("the two passwords differ; nothing was changed");
  return password;
}

/** The first line of a file. */
export async function readFirstLine(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  });
  const [line = ""] = text.split(/\r?\n/);
  return line;
}

const maxInputBytes = 64 * 1024;

/** The first line of standard input. */
export async function readPasswordLine(): Promise<string> {
  let input = "";
  for await (const piece of process.stdin.setEncoding("utf8")) {
    input += String(piece);
    if (input.includes("\n") || input.length > maxInputBytes) break;
  }
  const [line = ""] = input.split(/\r?\n/);
  if (line === "")
    throw new CliError(
      "there is no password on standard input; write one there, or use --generate",
    );
  return line;
}

/** Removes escape sequences, such as arrow keys. Fast typing or a paste can deliver several keys at once. */
function written(keys: string): string {
  const [first = "", ...others] = keys.split("\u001B");
  return first + others.map((part) => part.replace(/^(?:\[[\d;]*[ -/]*[@-~]|O.|.)/su, "")).join("");
}

function prompt(question: string): Promise<string> {
  const { stdin } = process;
  // Turn off the echo before the question: the user may type ahead.
  stdin.setRawMode(true).setEncoding("utf8").resume();
  printError(question);
  return new Promise<string>((resolve, reject) => {
    let typed = "";
    const end = (finish: () => void): void => {
      stdin.off("data", onData).setRawMode(false).pause();
      printError("\n");
      finish();
    };
    const onData = (keys: string): void => {
      for (const key of written(keys)) {
        if (key === "\r" || key === "\n") return end(() => resolve(typed));
        if (key === "\u0003" || key === "\u0004")
          return end(() => reject(new CliError("canceled; nothing was changed")));
        if (key === "\u007F" || key === "\b") typed = typed.replace(/.$/su, "");
        else typed += key;
      }
    };
    stdin.on("data", onData);
  });
}
