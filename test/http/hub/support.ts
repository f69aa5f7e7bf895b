import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import type { ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import supertest from "supertest";
import { password, type ClosedBerth } from "../../support/closed.ts";
import type { TestBerth } from "../../support/berth.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  // Loosely typed: each test knows which fields it reads.
  readonly body: Body;
  readonly text: string;
}
export interface Body {
  readonly [key: string]: Body;
  readonly [index: number]: Body;
}

/** Narrows a field of an answer to a string. */
export const textOf = (value: unknown): string => value as string;

type Method = "get" | "head" | "post" | "put" | "patch" | "delete";

/** Sends a request to the Hub-shaped API, and validates every answer against the server's OpenAPI document. */
export type Ask = (method: Method, path: string, body?: object) => Promise<Answer>;

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly responses: Readonly<Record<string, Response>> };
}
interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}
interface Response {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

const documents = new Map<number, Document>();

async function documentOf(berth: TestBerth): Promise<Document> {
  const known = documents.get(berth.port);
  if (known !== undefined) return known;
  const { body } = await supertest(`http://127.0.0.1:${berth.port}`).get("/openapi.json");
  documents.set(berth.port, body as Document);
  return body as Document;
}

/** Logs in and returns the session token. `secret` may be a password or an access token, also of an organisation. */
export async function sessionOf(
  berth: ClosedBerth,
  name: string,
  secret: string = password,
): Promise<string> {
  const { body } = await supertest(`http://127.0.0.1:${berth.port}`)
    .post("/v2/auth/token")
    .send({ identifier: name, secret })
    .expect(200);
  return (body as { access_token: string }).access_token;
}

/** The Hub-shaped API with the session of an account, or without credentials if `name` is undefined. */
export async function hubAs(berth: ClosedBerth, name?: string, secret?: string): Promise<Ask> {
  const token = name === undefined ? undefined : await sessionOf(berth, name, secret);
  return hubWith(berth, token === undefined ? undefined : `Bearer ${token}`);
}

export function hubWith(berth: TestBerth, authorization: string | undefined): Ask {
  return async (method, path, body) => {
    const request = supertest(`http://127.0.0.1:${berth.port}`)[method](path);
    if (authorization !== undefined) request.set("Authorization", authorization);
    const answer = await (body === undefined ? request : request.send(body));
    check(await documentOf(berth), method, path, answer);
    return answer;
  };
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);

const validators = new Map<object, ValidateFunction>();

function check(
  document: Document,
  method: Method,
  target: string,
  answer: { readonly status: number; readonly body: unknown; readonly type: string },
): void {
  const what = `${method} ${target} ${answer.status}`;
  const { pathname } = new URL(target, "http://localhost");
  const operation = operationOf(document, method, pathname);
  if (operation === undefined) {
    assert.ok([404, 405].includes(answer.status), `${what} is not in the document`);
    return;
  }
  const told = operation.responses[String(answer.status)];
  const response = told?.$ref === undefined ? told : document.components.responses["HubError"];
  assert.ok(response !== undefined, `${what}: the document does not know the status`);
  if (method === "head" || response.content === undefined) return;
  const schema = response.content[answer.type]?.schema;
  assert.ok(schema !== undefined, `${what}: the document does not know ${answer.type}`);
  if (answer.type !== "application/json") return;
  const validate =
    validators.get(schema) ?? ajv.compile({ ...schema, components: document.components });
  validators.set(schema, validate);
  assert.ok(
    validate(answer.body),
    `${what}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(answer.body).slice(0, 500)}`,
  );
}

/** The operation whose path matches with the fewest parameters. */
function operationOf(document: Document, method: Method, pathname: string): Operation | undefined {
  const bare = pathname.replace(/(?<=.)\/$/, "");
  const fits = Object.entries(document.paths)
    .filter(([path, item]) => /^\/(?:v2|api)\//.test(path) && item[method] !== undefined)
    .filter(([path]) => !path.includes("{name}/") || path.includes("/users/"))
    .filter(([path]) => patternOf(path).test(bare))
    .toSorted(([a], [b]) => a.split("{").length - b.split("{").length);
  return fits[0]?.[1][method];
}

/** Below /api a repository name may have slashes. */
const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .replace(/(?<=^\/api\/.*)\{repository\}/, "(?:(?!/-/).)+")
      .replaceAll(/\{\w+\}/g, "[^/]+")}/?$`,
  );
