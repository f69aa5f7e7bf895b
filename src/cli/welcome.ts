import { formatListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";

export interface Welcome {
  readonly version: string;
  /** Where the server really listens; scripts read it from the first line. */
  readonly url: string;
  readonly port: number;
  readonly config: Pick<Config, "listen" | "publicUrl" | "data">;
  /** An administrator; `undefined` in open mode, where nobody logs in. */
  readonly administrator:
    | {
        readonly name: string;
        /** Of an account that was just made; it is shown here and nowhere else. */
        readonly password?: string | undefined;
      }
    | undefined;
}

/** What `berth serve` prints once it listens: one line that says where, and the commands that push a first image. */
export function welcome({ version, url, port, config, administrator }: Welcome): string {
  const host = registryHost(config, port);
  const image =
    administrator === undefined ? `${host}/alpine` : `${host}/${administrator.name}/alpine`;
  const login =
    administrator === undefined ? [] : [`docker login -u ${administrator.name} ${host}`];
  const commands = [
    ...login,
    "docker pull alpine",
    `docker tag alpine ${image}`,
    `docker push ${image}`,
  ];
  return `Berth ${version} listens on ${url} (data in ${config.data}). Push a first image:

${commands.map((command) => `  ${command}\n`).join("")}
${firstPassword(administrator)}`;
}

/** The password of an account that was just made, with its name; empty where there is none to tell. */
export function firstPassword(administrator: Welcome["administrator"]): string {
  if (administrator?.password === undefined) return "";
  const { name, password } = administrator;
  return `The administrator is ${name}, with the password

  ${password}

It is shown only now. "berth user password ${name}" sets another.

`;
}

/** The host that goes in front of an image's name on this machine, or everywhere if the public URL is known. */
function registryHost({ listen, publicUrl }: Welcome["config"], port: number): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host;
  const everywhere = ["", "0.0.0.0", "::"].includes(listen.host);
  return formatListenAddress({ host: everywhere ? "localhost" : listen.host, port });
}
