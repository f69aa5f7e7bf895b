import type { Database } from "../database/contract.ts";
import type { ProxySettings } from "../network/connections.ts";
import { isJsonObject } from "../oci/json.ts";
import { createCounters } from "./counters.ts";
import type { MirrorSettings } from "./settings.ts";
import { createCredential } from "./upstream/authorization.ts";
import { createAvailability } from "./upstream/availability.ts";
import { Upstream, type UpstreamRequest } from "./upstream/client.ts";
import { UpstreamFailure } from "./upstream/failure.ts";
import { createResponseReader, readList } from "./upstream/responses.ts";

/** The registry to read, and how to log in. */
export type RegistrySettings = Pick<
  MirrorSettings,
  "upstream" | "username" | "password" | "tokenHosts" | "tls"
>;

interface ConnectionParts {
  readonly database: Pick<Database, "commands">;
  readonly clock: () => number;
  readonly proxies: ProxySettings;
}

/** A request to an API of the registry that is not that of `/v2/`. */
type ApiRequest = Pick<UpstreamRequest, "query" | "headers"> & {
  /** An absolute path. */
  readonly path: string;
  /** Called for each page: a token may expire. */
  readonly login: () => Promise<string | undefined>;
};

interface ListPage {
  readonly entries: readonly unknown[];
  readonly isLast: boolean;
}

/** The largest pages of Harbor and Docker Hub. */
export const entriesPerPage = 100;
/** An endless list would never end. */
const entriesAtMost = 1_000_000;
/** A registry that sends no bytes for this time has failed. */
const idleMs = 60_000;

/** A registry that the operator has named, in place of a mirror of the configuration. */
export class RegistryConnection {
  readonly upstream: Upstream;
  readonly responses = createResponseReader();
  /** `Authorization` with the name and the password; `undefined`: there is no login. */
  readonly basic: string | undefined;

  constructor(registry: RegistrySettings, { database, clock, proxies }: ConnectionParts) {
    const { host } = new URL(registry.upstream);
    const settings: MirrorSettings = {
      ...{ namespace: host, aliases: [], visibility: "private", root: false, allow: [], deny: [] },
      ...{ ttl: { tag: 0, missing: 0, tagsList: 0, referrers: 0 }, prefetch: 0, schedule: [] },
      // The operator has named the registry.
      ...{ allowPrivateNetwork: true, foreignLayerHosts: [], idle: idleMs },
      ...registry,
    };
    const counters = createCounters();
    const log = { warn: () => undefined, info: () => undefined };
    const availability = createAvailability({
      ...{ namespace: host, host, database, clock, counters, log },
    });
    const { responses } = this;
    this.upstream = new Upstream(settings, { proxies, responses, availability, clock, counters });
    this.basic = createCredential(registry).basic;
  }

  /** A JSON document of the API. Throws {@link UpstreamFailure}, as all requests. */
  async document(request: ApiRequest): Promise<unknown> {
    return readList(this.responses, await this.#ask(request), (document) => document);
  }

  /** The objects in a list of the API, page by page from number 1 on. */
  async *list(
    request: ApiRequest,
    readPage: (document: unknown) => ListPage,
  ): AsyncGenerator<Readonly<Record<string, unknown>>> {
    let count = 0;
    for (let page = 1; ; page += 1) {
      const query = { ...request.query, page: `${page}`, page_size: `${entriesPerPage}` };
      const response = await this.#ask({ ...request, query });
      const { entries, isLast } = await readList(this.responses, response, readPage);
      for (const entry of entries) if (isJsonObject(entry)) yield entry;
      count += entries.length;
      if (count > entriesAtMost)
        throw new UpstreamFailure("serverError", `a list has more than ${entriesAtMost} entries`);
      if (isLast || entries.length === 0) return;
    }
  }

  async #ask({ path, login, query = {}, headers = {} }: ApiRequest) {
    const asked = { method: "GET", name: "", path: "", location: path, query, headers } as const;
    return this.upstream.ask({ ...asked, authorization: (await login()) ?? null });
  }

  close(): Promise<void> {
    return this.upstream.close();
  }
}
