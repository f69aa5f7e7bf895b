import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Digest } from "../../src/oci/digest.ts";

/*
 * A Harbor 2: its API is answered from the given projects, in the shapes, pages and encodings of its api/v2.0/swagger.yaml, and
 * `/v2/` by a Berth behind it.
 */

export interface HarborProject {
  readonly name: string;
  readonly isPublic: boolean;
  /** `undefined`: the robot account may not list them. */
  readonly members?: readonly HarborMember[];
  readonly repositories: readonly HarborRepository[];
}

interface HarborMember {
  readonly name: string;
  readonly role: string;
  readonly kind: "u" | "g";
}

interface HarborRepository {
  readonly name: string;
  readonly description?: string;
  readonly artifacts: readonly HarborArtifact[];
}

interface HarborArtifact {
  readonly digest: Digest;
  readonly pushedAt: string;
  /** The push time of each tag. */
  readonly tags: Readonly<Record<string, string>>;
  readonly signature?: Digest;
}

export const robot = { name: "robot$import", secret: "robot-secret" };
const basic = (name: string, password: string): string =>
  `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;

interface Harbor {
  readonly url: string;
  close(): Promise<void>;
}

/** @param behind the Berth that has the images, and the password of its administrator */
export async function startHarbor(
  behind: { readonly port: number; readonly password: string },
  projects: readonly HarborProject[],
): Promise<Harbor> {
  const ofRobot = basic(robot.name, robot.secret);
  const server = createServer((incoming, outgoing) => {
    const { authorization } = incoming.headers;
    if (!incoming.url?.startsWith("/api/v2.0/")) {
      const forwarded = authorization === ofRobot ? basic("admin", behind.password) : authorization;
      forward(incoming, outgoing, behind.port, forwarded);
    } else if (authorization !== undefined && authorization !== ofRobot) refuse(outgoing, 401);
    else {
      const visible = projects.filter(({ isPublic }) => isPublic || authorization !== undefined);
      answerApi(incoming, outgoing, visible);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  port: number,
  authorization: string | undefined,
): void {
  const { method, url: path, headers } = incoming;
  const sent = { ...headers, ...(authorization !== undefined && { authorization }) };
  const asked = request({ host: "127.0.0.1", port, method, path, headers: sent }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  asked.on("error", () => outgoing.destroy());
  incoming.pipe(asked);
}

function refuse(outgoing: ServerResponse, status: 401 | 403 | 404): void {
  const code = { 401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND" }[status];
  outgoing.writeHead(status, { "content-type": "application/json" });
  outgoing.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }));
}

function answerApi(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  projects: readonly HarborProject[],
): void {
  const { pathname, searchParams } = new URL(incoming.url ?? "", "http://harbor");
  const [noun, name, list, encoded, artifacts] = pathname.split("/").slice(3);
  const page = (entries: readonly object[]): void => sendPage(outgoing, entries, searchParams);
  if (noun === "projects" && name === undefined) return page(projects.map(projectOf));
  const takesId = list === undefined || list === "members";
  const isId = /^\d+$/.test(name ?? "") && incoming.headers["x-is-resource-name"] !== "true";
  const project = projects.find((one) => one.name === name);
  if (project === undefined || (takesId && isId)) return refuse(outgoing, 404);
  if (list === undefined) return send(outgoing, projectOf(project));
  if (list === "members")
    return project.members === undefined
      ? refuse(outgoing, 403)
      : page(project.members.map(memberOf));
  if (encoded === undefined) return page(project.repositories.map(repositoryOf));
  // The router decodes a path once before it looks for slashes.
  const decoded = decodeURIComponent(encoded);
  const full = `${project.name}/${decodeURIComponent(decoded)}`;
  const repository = project.repositories.find((one) => one.name === full);
  if (repository === undefined || decoded.includes("/")) return refuse(outgoing, 404);
  if (artifacts === undefined) return send(outgoing, repositoryOf(repository, 0));
  const withAccessories = searchParams.get("with_accessory") === "true";
  return page(repository.artifacts.map((one) => artifactOf(one, withAccessories)));
}

function send(outgoing: ServerResponse, body: object, headers: Record<string, string> = {}): void {
  outgoing.writeHead(200, { "content-type": "application/json; charset=utf-8", ...headers });
  outgoing.end(JSON.stringify(body));
}

function sendPage(
  outgoing: ServerResponse,
  entries: readonly object[],
  query: URLSearchParams,
): void {
  const size = Math.min(Number(query.get("page_size") ?? 10), 100);
  const start = (Number(query.get("page") ?? 1) - 1) * size;
  send(outgoing, entries.slice(start, start + size), { "x-total-count": `${entries.length}` });
}

const createdAt = {
  creation_time: "2023-01-02T03:04:05.678Z",
  update_time: "2024-01-02T03:04:05.678Z",
};

const projectOf = ({ name, isPublic, repositories }: HarborProject, at = 0): object => ({
  ...{ project_id: at + 1, owner_id: 1, owner_name: "admin", name, ...createdAt, deleted: false },
  ...{ chart_count: 0, repo_count: repositories.length, current_user_role_ids: null },
  metadata: { public: String(isPublic), auto_scan: "false", severity: "low" },
  cve_allowlist: { id: at + 1, project_id: at + 1, items: [], ...createdAt },
});

const memberOf = ({ name, role, kind }: HarborMember, at: number): object => ({
  ...{ id: at + 1, project_id: 1, entity_id: at + 3, entity_name: name, entity_type: kind },
  ...{ role_id: 2, role_name: role },
});

const repositoryOf = ({ name, description, artifacts }: HarborRepository, at: number): object => ({
  ...{ id: at + 1, project_id: 1, name, artifact_count: artifacts.length, pull_count: 7 },
  ...(description !== undefined && { description }),
  ...createdAt,
});

const artifactOf = (
  { digest, pushedAt, tags, signature }: HarborArtifact,
  withAccessories: boolean,
): object => ({
  ...{ id: 1, type: "IMAGE", digest, project_id: 1, repository_id: 1, size: 1_234, icon: "" },
  ...{ media_type: "application/vnd.oci.image.config.v1+json", references: null, labels: null },
  manifest_media_type: "application/vnd.oci.image.manifest.v1+json",
  ...{ push_time: pushedAt, pull_time: "0001-01-01T00:00:00.000Z" },
  ...{ extra_attrs: { architecture: "amd64", os: "linux" }, annotations: null },
  tags: tagsOf(tags),
  accessories: withAccessories && signature !== undefined ? [accessoryOf(signature, digest)] : null,
});

/** `null` without tags. */
const tagsOf = (tags: Readonly<Record<string, string>>): object | null => {
  const entries = Object.entries(tags).map(([name, push_time], at) => ({
    ...{ id: at + 1, repository_id: 1, artifact_id: 1, name, push_time },
    ...{ pull_time: "0001-01-01T00:00:00.000Z", immutable: false, signed: false },
  }));
  return entries.length === 0 ? null : entries;
};

const accessoryOf = (digest: Digest, subject: Digest): object => ({
  ...{ id: 1, artifact_id: 2, subject_artifact_id: 1, subject_artifact_digest: subject },
  ...{ subject_artifact_repo: "team/app", size: 345, digest, type: "signature.cosign", icon: "" },
  creation_time: createdAt.creation_time,
});
