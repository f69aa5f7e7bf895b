import { request, type Dispatcher } from "undici";
import { checkLiteral } from "./connection.ts";
import { connectionFailure, UpstreamFailure } from "./failure.ts";
import type { MirrorSettings } from "../settings.ts";
import type { UpstreamResponse } from "./responses.ts";

/**
 * Fetches foreign layers: layers that the registry does not store itself, such as those of older Windows images. They
 * come only from hosts in `mirrors[].foreignLayerHosts`, whatever URLs the manifest names. Their digests are verified.
 */
export interface ForeignLayers {
  /**
   * Returns the response of the first allowed URL that answers 200 or 206, and `undefined` if no URL is allowed. Throws
   * the last {@link UpstreamFailure} if all allowed URLs fail.
   */
  open(
    urls: readonly string[],
    headers: Readonly<Record<string, string>>,
  ): Promise<UpstreamResponse | undefined>;
}

export function createForeignLayers(
  {
    foreignLayerHosts,
    allowPrivateNetwork,
  }: Pick<MirrorSettings, "foreignLayerHosts" | "allowPrivateNetwork">,
  dispatcher: Dispatcher,
): ForeignLayers {
  const hosts = new Set(foreignLayerHosts.map((host) => host.toLowerCase()));

  const openOne = async (
    url: URL,
    headers: Readonly<Record<string, string>>,
  ): Promise<UpstreamResponse> => {
    try {
      if (!allowPrivateNetwork) checkLiteral(url);
      const { statusCode, ...answer } = await request(url, { headers, dispatcher });
      if (statusCode === 200 || statusCode === 206) return { status: statusCode, ...answer };
      await answer.body.dump();
      const kind = statusCode === 404 ? "absent" : "serverError";
      const status = { status: statusCode };
      throw new UpstreamFailure(kind, `${url.host} answers with ${statusCode}`, status);
    } catch (error) {
      throw connectionFailure(error, url.host);
    }
  };

  return {
    async open(urls, headers) {
      const allowed = urls
        .flatMap((text) => (URL.canParse(text) ? [new URL(text)] : []))
        .filter(({ protocol, host }) => /^https?:$/.test(protocol) && hosts.has(host));
      let failure: unknown;
      for (const url of allowed) {
        try {
          return await openOne(url, headers);
        } catch (error) {
          failure = error;
        }
      }
      if (failure !== undefined) throw failure;
      return undefined;
    },
  };
}
