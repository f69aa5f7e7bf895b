import { formatListenAddress } from "../../config/addresses.ts";
import type { ServerApp } from "../../app/assemble.ts";
import type { Config } from "../../config/schema.ts";

export interface StartupBannerInput {
  readonly version: string;
  /** The actual URL of the server; scripts read it from the first line. */
  readonly url: string;
  readonly port: number;
  readonly config: Pick<Config, "listen" | "publicUrl" | "data">;
  /** `undefined` in open mode, where no account is needed. */
  readonly administrator: ServerApp["administrator"];
}

/** The output of `berth serve` when it listens: one line with the URL, and the commands that push a first image. */
export function startupBanner({
  version,
  url,
  port,
  config,
  administrator,
}: StartupBannerInput): string {
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
  return `Berth ${version} listens on ${url} (data in ${config.data}).${passwordStep(administrator, config)}Push a first image:

${linesOf(commands)}
`;
}

/** The command that sets the first password; it reads the password from the terminal or from standard input. */
function passwordStep(
  administrator: StartupBannerInput["administrator"],
  { data }: StartupBannerInput["config"],
): string {
  if (administrator === undefined || administrator.hasPassword) return " ";
  const { name } = administrator;
  const folder = /^[\w./-]+$/.test(data) ? data : `'${data.replaceAll("'", "'\\''")}'`;
  return `

The administrator ${name} has no password yet. Set one, in another terminal or inside of the container:

${linesOf([`berth user password ${name} --data ${folder}`])}
`;
}

const linesOf = (commands: readonly string[]): string =>
  commands.map((command) => `  ${command}\n`).join("");

/**
 * The host in image names: that of the public URL, else the host under which this machine reaches the server.
 * `localhost` instead of the loopback address, because go-containerregistry 0.21.5 rejects a token realm whose host is
 * an IP address.
 */
function registryHost({ listen, publicUrl }: StartupBannerInput["config"], port: number): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host;
  const isLocalhost = ["", "0.0.0.0", "::", "127.0.0.1", "::1"].includes(listen.host);
  return formatListenAddress({ host: isLocalhost ? "localhost" : listen.host, port });
}
