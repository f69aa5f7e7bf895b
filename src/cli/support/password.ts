import process from "node:process";
import { CliError } from "./failure.ts";
import { printError } from "./output.ts";

/**
 * A password from standard input (its first line) or, where somebody sits at a terminal, typed twice without an echo.
 * Never from an argument, which everybody on the machine can read.
 */
export async function readNewPassword(name: string): Promise<string> {
  if (!process.stdin.isTTY) return firstLine();
  const password = await prompt(`Password for ${name}: `);
  if ((await prompt("The same again: ")) !== password)
    throw new CliError("the two passwords differ; nothing was changed");
  return password;
}

const maxInputBytes = 64 * 1024;

async function firstLine(): Promise<string> {
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

/** Leaves out arrows and other keys that write nothing; somebody who types fast, or pastes, sends them among others. */
function written(keys: string): string {
  const [first = "", ...others] = keys.split("\u001B");
  return first + others.map((part) => part.replace(/^(?:\[[\d;]*[ -/]*[@-~]|O.|.)/su, "")).join("");
}

function prompt(question: string): Promise<string> {
  const { stdin } = process;
  // The echo ends before the question stands there: somebody may type ahead.
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
          return end(() => reject(new CliError("given up; nothing was changed")));
        if (key === "\u007F" || key === "\b") typed = typed.replace(/.$/su, "");
        else typed += key;
      }
    };
    stdin.on("data", onData);
  });
}
