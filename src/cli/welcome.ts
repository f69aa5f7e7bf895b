import { formatListenAddress } from "../config/addresses.ts";
import type { Config } from "../config/schema.ts";

export interface Welcome {
  readonly version: string;
  /** Where the server really listens; scripts read it from the first line. */
  readonly url: string;
  readonly port: number;
  readonly config: Pick<Config, "listen" | "publicUrl" | "data">;
}

/** What `berth serve` prints once it listens: one line that says where, and three commands that push a first image. */
export function welcome({ version, url, port, config }: Welcome): string {
  const host = registryHost(config, port);
  return `Berth ${version} listens on ${url} (data in ${config.data}). Push a first image:

  docker pull alpine
  docker tag alpine ${host}/alpine
  docker push ${host}/alpine

`;
}

/** The host that goes in front of an image's name on this machine, or everywhere if the public URL is known. */
function registryHost({ listen, publicUrl }: Welcome["config"], port: number): string {
  if (publicUrl !== undefined) return new URL(publicUrl).host;
  const everywhere = ["", "0.0.0.0", "::"].includes(listen.host);
  return formatListenAddress({ host: everywhere ? "localhost" : listen.host, port });
}
