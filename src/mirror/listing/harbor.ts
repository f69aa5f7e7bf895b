import { encodedOf, type Digest } from "../../oci/digest.ts";
import { isJsonObject } from "../../oci/json.ts";
import { entriesPerPage, type RegistryConnection } from "../registry-connection.ts";
import { saysAbsent, UpstreamFailure } from "../upstream/failure.ts";
import {
  digestIn,
  objectsIn,
  textIn,
  timeIn,
  type Fields,
  type ListedImage,
  type ListedMember,
  type ListedRepository,
  type RegistryListing,
} from "./listing.ts";

/*
 * The API of Harbor 2 (`/api/v2.0`): projects have repositories, and these have artifacts, which have tags and accessories
 * (signatures and SBOMs). A repository's name begins with that of its project.
 */

const api = "/api/v2.0";
/** The registry itself fails, and not only this request. */
const outages = new Set(["connectionFailed", "timeout", "limited", "circuitOpen"]);

interface Project {
  readonly name: string;
  readonly isPublic: boolean;
}

/** The listing of a Harbor; `undefined`: the registry is none, or does not let the login list projects. */
export async function findHarbor(
  connection: RegistryConnection,
): Promise<RegistryListing | undefined> {
  const harbor = new Harbor(connection);
  try {
    return (await harbor.isThere()) ? harbor : undefined;
  } catch (error) {
    if (error instanceof UpstreamFailure && !outages.has(error.kind)) return undefined;
    throw error;
  }
}

class Harbor implements RegistryListing {
  readonly members: ListedMember[] = [];
  readonly #connection: RegistryConnection;

  constructor(connection: RegistryConnection) {
    this.#connection = connection;
  }

  async isThere(): Promise<boolean> {
    return Array.isArray(await this.#document("/projects", { page: "1", page_size: "1" }));
  }

  async *repositories(namespaces: readonly string[]): AsyncGenerator<ListedRepository> {
    const projects = namespaces.length === 0 ? this.#projects() : this.#named(namespaces);
    for await (const project of projects) {
      await this.#readMembers(project.name);
      for await (const fields of this.#list(`${pathOf(project.name)}/repositories`)) {
        const name = textIn(fields, "name");
        if (name !== undefined) yield this.#repositoryOf(name, project, fields);
      }
    }
  }

  async repository(name: string): Promise<ListedRepository> {
    const [project = ""] = name.split("/");
    const fields = await this.#document(repositoryPath(name));
    return this.#repositoryOf(
      name,
      await this.#project(project),
      isJsonObject(fields) ? fields : {},
    );
  }

  async *#projects(): AsyncGenerator<Project> {
    for await (const fields of this.#list("/projects")) {
      const project = projectIn(fields);
      if (project !== undefined) yield project;
    }
  }

  async *#named(names: readonly string[]): AsyncGenerator<Project> {
    for (const name of names) yield await this.#project(name);
  }

  async #project(name: string): Promise<Project> {
    const fields = await this.#document(pathOf(name));
    const project = isJsonObject(fields) ? projectIn(fields) : undefined;
    if (project === undefined)
      throw new UpstreamFailure(
        "serverError",
        `the registry does not describe the project ${name}`,
      );
    return project;
  }

  /** Only administrators of a project may list its members. */
  async #readMembers(project: string): Promise<void> {
    try {
      for await (const fields of this.#list(`${pathOf(project)}/members`)) {
        const name = textIn(fields, "entity_name");
        const role = textIn(fields, "role_name") ?? "a role of its own";
        const kind = fields["entity_type"] === "g" ? "group" : "user";
        if (name !== undefined) this.members.push({ namespace: project, kind, name, role });
      }
    } catch (error) {
      if (!saysAbsent(error)) throw error;
    }
  }

  #repositoryOf(name: string, { isPublic }: Project, fields: Fields): ListedRepository {
    return {
      name,
      visibility: isPublic ? "public" : "private",
      readme: textIn(fields, "description"),
      images: () => this.#images(name),
    };
  }

  async *#images(name: string): AsyncGenerator<ListedImage> {
    const query = { with_tag: "true", with_accessory: "true" };
    for await (const artifact of this.#list(`${repositoryPath(name)}/artifacts`, query)) {
      const digest = digestIn(artifact, "digest");
      if (digest === undefined) continue;
      const pushedAtMs = timeIn(artifact, "push_time");
      const tags = objectsIn(artifact, "tags");
      if (tags.length === 0) yield { digest, pushedAtMs };
      for (const fields of tags) {
        const tag = textIn(fields, "name");
        if (tag !== undefined)
          yield { tag, digest, pushedAtMs: timeIn(fields, "push_time") ?? pushedAtMs };
      }
      for (const accessory of objectsIn(artifact, "accessories"))
        yield* accessoryImages(accessory, digest);
    }
  }

  #list(path: string, query: Readonly<Record<string, string>> = {}) {
    return this.#connection.list({ ...this.#request(path), query }, (document) => {
      const entries: readonly unknown[] = Array.isArray(document) ? document : [];
      return { entries, isLast: entries.length < entriesPerPage };
    });
  }

  #document(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    return this.#connection.document({ ...this.#request(path), query });
  }

  #request(path: string) {
    // Without it, the name of a project that is a number is taken for its id.
    const headers = { "x-is-resource-name": "true", accept: "application/json" };
    const login = () => Promise.resolve(this.#connection.basic);
    return { path: `${api}${path}`, headers, login };
  }
}

/** A signature of cosign may have the tag that cosign gives it, which Harbor does not list. */
function* accessoryImages(accessory: Fields, subject: Digest): Generator<ListedImage> {
  const digest = digestIn(accessory, "digest");
  if (digest === undefined) return;
  const pushedAtMs = timeIn(accessory, "creation_time");
  yield { digest, pushedAtMs };
  if (textIn(accessory, "type") === "signature.cosign")
    yield { tag: `sha256-${encodedOf(subject)}.sig`, pushedAtMs, mayBeAbsent: true };
}

function projectIn(fields: Fields): Project | undefined {
  const name = textIn(fields, "name");
  const { metadata } = fields;
  const isPublic = isJsonObject(metadata) && metadata["public"] === "true";
  return name === undefined ? undefined : { name, isPublic };
}

const pathOf = (project: string): string => `/projects/${encodeURIComponent(project)}`;

/** A slash in the name of the repository is encoded twice, because proxies decode it once. */
function repositoryPath(name: string): string {
  const [project = "", ...rest] = name.split("/");
  const repository = encodeURIComponent(encodeURIComponent(rest.join("/")));
  return `${pathOf(project)}/repositories/${repository}`;
}
