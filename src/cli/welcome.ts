import { formatListenAddress } from "../config/addresses.ts";
import type { Assembled } from "../assemble.ts";
import type { Config } from "../config/schema.ts";

export interface Welcome {
  readonly version: string;
  /** Where the server really listens; scripts read it from the first line. */
  readonly url: string;
  readonly port: number;
  readonly config: Pick<Config, "listen" | "publicUrl" | "data">;
  /** `undefined` in open mode, where no account is needed. */
  readonly administrator: Assembled["administrator"];
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
  return `Berth ${version} listens on ${url} (data in ${config.data}).${passwordStep(administrator, config)} Push a first image:

${linesOf(commands)}
`;
}

/** The command that opens the account of a first start; it reads the password from the terminal or from standard input. */
function passwordStep(
  administrator: Welcome["administrator"],
  { data }: Welcome["config"],
): string {
  if (administrator === undefined || administrator.hasPassword) return "";
  const { name } = administrator;
  const folder = /^[\w./-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`;
  return `

The administrator ${name} has no password yet. Set one, in another terminal or inside of the container:

${linesOf([`berth user password ${name} --data ${folder}`])}
`;
}

const linesOf = (commands: readonly string[]): string =>
  commands.map((command) => `  ${command}\n`).join("");

/** The host that goes in front of an image's name on this machine, or everywhere if the public URL is known. */
function registryHost({ listen, publicUrl }: Welcome["config"], port: number): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host;
  const everywhere = ["", "0.0.0.0", "::"].includes(listen.host);
  return formatListenAddress({ host: everywhere ? "localhost" : listen.host, port });
}
