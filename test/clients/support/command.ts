import { spawn } from "node:child_process";
import process from "node:process";
import { temporaryFolder } from "./scratch.ts";

export type Output = { code: number; stdout: string; stderr: string; bytes: Buffer };

export type CommandOptions = {
  env?: Record<string, string>;
  cwd?: string;
  input?: Uint8Array | string;
  timeoutSeconds?: number;
};

/** Runs a client and resolves with its output, whatever its exit code is. */
export function attempt(
  command: string,
  args: readonly string[],
  { env = {}, cwd, input, timeoutSeconds = 120 }: CommandOptions = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: cwd ?? temporaryFolder(),
      env: { PATH: process.env["PATH"], TMPDIR: temporaryFolder(), LC_ALL: "C.UTF-8", ...env },
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const timer = setTimeout(() => {
      stderr.push(Buffer.from(`\n(ended after ${timeoutSeconds} s)\n`));
      child.kill("SIGKILL");
    }, timeoutSeconds * 1000);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on("error", () => {}); // the client may close its standard input
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(stdout);
      resolve({
        code: code ?? -1,
        stdout: bytes.toString(),
        stderr: Buffer.concat(stderr).toString(),
        bytes,
      });
    });
    child.stdin.end(input);
  });
}

/** Runs a client. Rejects with its output if its exit code is not 0. */
export async function run(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Output> {
  const output = await attempt(command, args, options);
  if (output.code !== 0) {
    throw new Error(
      `${command} ${args.join(" ")}\nexit code ${output.code}\n${output.stdout}${output.stderr}`,
    );
  }
  return output;
}

export type Tool = {
  (...args: string[]): Promise<Output>;
  /** Returns the same tool with this text on the standard input, for example a secret. */
  reading(input: string): Tool;
};

/** Returns a function that runs a client with these settings. */
export function tool(command: string, options: CommandOptions = {}, first: string[] = []): Tool {
  return Object.assign((...args: string[]) => run(command, [...first, ...args], options), {
    reading: (input: string) => tool(command, { ...options, input }, first),
  });
}

/** Resolves with the error of a client that must fail. */
export async function refusal(running: Promise<unknown>): Promise<string> {
  try {
    await running;
  } catch (error) {
    return String(error);
  }
  throw new Error("the command succeeded where it had to fail");
}
