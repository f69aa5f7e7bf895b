import { isJsonObject } from "../../oci/json.ts";
import type { RegistryConnection } from "../registry-connection.ts";
import { saysAbsent, UpstreamFailure } from "../upstream/failure.ts";
import { readList } from "../upstream/responses.ts";
import {
  digestIn,
  textIn,
  timeIn,
  type Fields,
  type ListedImage,
  type ListedRepository,
  type RegistryListing,
} from "./listing.ts";

/*
 * The API of Docker Hub (`https://hub.docker.com/v2/namespaces`), which has another host than its registry. It lists only the
 * repositories of a namespace, and of each the first 100 bytes of its description; the README is in the document of the
 * repository. Another Berth has the same API.
 */

interface HubAccount {
  readonly username: string;
  readonly password: string;
}

/** A token is valid for 10 minutes. */
const tokenAgeMs = 5 * 60_000;

/** @param account `undefined`: only public repositories are listed */
export function listDockerHub(
  connection: RegistryConnection,
  account: HubAccount | undefined,
  clock: () => number,
): RegistryListing {
  return new DockerHub(connection, account, clock);
}

class DockerHub implements RegistryListing {
  readonly members = [];
  readonly #connection: RegistryConnection;
  readonly #account: HubAccount | undefined;
  readonly #clock: () => number;
  #token: { readonly header: string; readonly untilMs: number } | undefined;

  constructor(
    connection: RegistryConnection,
    account: HubAccount | undefined,
    clock: () => number,
  ) {
    this.#connection = connection;
    this.#account = account;
    this.#clock = clock;
  }

  async *repositories(namespaces: readonly string[]): AsyncGenerator<ListedRepository> {
    for (const namespace of namespaces) {
      let isEmpty = true;
      for await (const fields of this.#list(`${pathOf(namespace)}/repositories`)) {
        const name = textIn(fields, "name");
        if (name === undefined) continue;
        isEmpty = false;
        yield await this.repository(`${namespace}/${name}`);
      }
      // The list of a namespace that does not exist is empty too.
      const found = `the namespace ${namespace} has no repositories that this login may read`;
      if (isEmpty) throw new UpstreamFailure("rejected", found);
    }
  }

  async repository(name: string): Promise<ListedRepository> {
    const full = name.includes("/") ? name : `library/${name}`;
    const [namespace = "", ...rest] = full.split("/");
    const path = `${pathOf(namespace)}/repositories/${encodeURIComponent(rest.join("/"))}`;
    const document = await this.#connection.document({ path, login: this.#login });
    const fields = isJsonObject(document) ? document : {};
    return {
      name: full,
      visibility: visibilityIn(fields),
      description: textIn(fields, "description"),
      readme: textIn(fields, "full_description"),
      images: () => this.#images(path),
    };
  }

  async *#images(path: string): AsyncGenerator<ListedImage> {
    for await (const fields of this.#list(`${path}/tags`)) {
      const tag = textIn(fields, "name");
      const pushedAtMs = timeIn(fields, "tag_last_pushed");
      if (tag !== undefined) yield { tag, digest: digestIn(fields, "digest"), pushedAtMs };
    }
  }

  #list(path: string) {
    return this.#connection.list({ path, login: this.#login }, (document) => {
      const { results, next } = isJsonObject(document) ? document : {};
      return {
        entries: Array.isArray(results) ? (results as readonly unknown[]) : [],
        isLast: typeof next !== "string",
      };
    });
  }

  readonly #login = async (): Promise<string | undefined> => {
    if (this.#account === undefined) return undefined;
    const nowMs = this.#clock();
    if (this.#token === undefined || this.#token.untilMs < nowMs)
      this.#token = {
        header: await this.#requestToken(this.#account),
        untilMs: nowMs + tokenAgeMs,
      };
    return this.#token.header;
  };

  async #requestToken({ username, password }: HubAccount): Promise<string> {
    const { upstream, responses } = this.#connection;
    const body = Buffer.from(JSON.stringify({ identifier: username, secret: password }));
    const headers = { "content-type": "application/json", "content-length": `${body.length}` };
    const asked = { name: "", path: "", location: "/v2/auth/token", headers, body: () => [body] };
    try {
      const document = await readList(
        responses,
        await upstream.ask({ method: "POST", ...asked }),
        (answer) => answer,
      );
      const token = isJsonObject(document) ? textIn(document, "access_token") : undefined;
      if (token !== undefined) return `Bearer ${token}`;
    } catch (error) {
      if (!saysAbsent(error)) throw error;
    }
    throw new UpstreamFailure("serverError", "the API rejects the username and password");
  }
}

function visibilityIn({ is_private: isPrivate }: Fields): ListedRepository["visibility"] {
  if (typeof isPrivate !== "boolean") return undefined;
  return isPrivate ? "private" : "public";
}

const pathOf = (namespace: string): string => `/v2/namespaces/${encodeURIComponent(namespace)}`;
