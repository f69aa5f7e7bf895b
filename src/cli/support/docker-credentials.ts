import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import process from "node:process";
import { CliError } from "./failure.ts";

export interface DockerCredentials {
  readonly name: string;
  readonly secret: string;
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string }>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/**
 * The credentials of `docker login HOST`: from `config.json`, or from the credential helper that it names for the host
 * or for all hosts (https://docs.docker.com/reference/cli/docker/login/). `undefined`: there are none.
 */
export async function dockerCredentials(host: string): Promise<DockerCredentials | undefined> {
  const folder = process.env["DOCKER_CONFIG"] ?? path.join(homedir(), ".docker");
  const config = await readConfig(path.join(folder, "config.json"));
  const spellings = [host, `https://${host}`, `http://${host}`, `https://${host}/v1/`];
  const named = spellings.map((spelling) => config.credHelpers?.[spelling]).find(Boolean);
  const helper = named ?? config.credsStore;
  if (helper !== undefined && helper !== "") return askHelper(helper, host);
  const { auth } = spellings.map((spelling) => config.auths?.[spelling]).find(Boolean) ?? {};
  if (auth === undefined || auth === "") return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  return colon < 0
    ? undefined
    : { name: text.slice(0, colon), secret: text.slice(colon + 1).replace(/\0+$/, "") };
}

async function readConfig(file: string): Promise<DockerConfig> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw new CliError(`cannot read ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text) as DockerConfig;
  } catch (error) {
    throw new CliError(`${file} is not JSON`, { cause: error });
  }
}

/** Calls a credential helper (docker-credential-helpers): the host on standard input, JSON on standard output. */
function askHelper(helper: string, host: string): Promise<DockerCredentials | undefined> {
  const command = `docker-credential-${helper}`;
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["get"], { stdio: ["pipe", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stdin.on("error", () => undefined).end(host);
    child.on("error", (error) =>
      reject(new CliError(`cannot run ${command}: ${error.message}`, { cause: error })),
    );
    child.on("close", (code) => {
      if (code !== 0) {
        if (/not found/i.test(output)) resolve(undefined);
        else reject(new CliError(`${command} failed: ${output.trim()}`));
        return;
      }
      const answer = parseAnswer(output);
      if (answer === undefined) reject(new CliError(`the output of ${command} is not JSON`));
      else resolve(answer);
    });
  });
}

function parseAnswer(text: string): DockerCredentials | undefined {
  try {
    const { Username = "", Secret = "" } = JSON.parse(text) as Record<string, string>;
    return { name: Username, secret: Secret };
  } catch {
    return undefined;
  }
}
