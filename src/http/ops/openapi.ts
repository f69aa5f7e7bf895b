import type * as z from "zod";
import { hubErrorSchema, registryErrorsSchema } from "../../api/errors.ts";
import { digestGrammar } from "../../oci/digest.ts";
import { nameGrammar } from "../../oci/name.ts";
import { tagGrammar } from "../../oci/reference.ts";
import { printableSchema, schemaOf, withoutNul, type Json } from "./openapi-schemas.ts";
import { isHubRoute, route, type HubRoute, type Route, type TokenRoute } from "../route.ts";

/** `GET /openapi.json`: the OpenAPI document of all routes. */
export function documentRoutes(parts: { readonly document: () => object }): readonly Route[] {
  let text: string | undefined;
  return [
    route({
      method: "get",
      path: "/openapi.json",
      requires: { kind: "none" },
      handle: ({ ctx }) => {
        text ??= JSON.stringify(parts.document());
        ctx.type = "application/json";
        ctx.body = text;
      },
    }),
  ];
}

const intro =
  "The OCI distribution API, its token endpoint, an API shaped like Docker Hub's, and Berth's own API.";

/**
 * The OpenAPI 3.1 document of the route table. The schemas that parse the requests of the Hub-shaped routes also
 * describe them; the OCI distribution specification describes the registry routes.
 */
export function openApiOf(routes: readonly Route[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/[:*](\w+)/g, "{$1}");
    const item = (paths[path] ??= {});
    const operation = isHubRoute(route) ? hubOperation(route) : registryOperation(route);
    item[route.method] = operation;
    if (route.method === "get") item["head"] = headOf(operation);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Berth", version: "1", summary: intro, license: { name: "Apache-2.0" } },
    paths,
    components: {
      schemas: {
        HubError: schemaOf(hubErrorSchema, "input"),
        RegistryErrors: schemaOf(registryErrorsSchema, "input"),
      },
      responses: { HubError: errorOf("HubError"), RegistryErrors: errorOf("RegistryErrors") },
      securitySchemes: {
        session: {
          type: "http",
          scheme: "bearer",
          description: "From /v2/users/login or /v2/auth/token; the scheme JWT is accepted too.",
        },
        browser: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-berth",
          description:
            "From POST /api/berth/v1/session; on http its name is berth. A change also needs Sec-Fetch-Site: same-origin or the Origin of the registry.",
        },
        registry: { type: "http", scheme: "bearer", description: "From /token." },
        password: { type: "http", scheme: "basic", description: "Or an access token." },
      },
    },
  };
}

function hubOperation(route: HubRoute): Json {
  const { requires } = route;
  const isOpen =
    requires.of === "anyone" ||
    (requires.of === "repository" && requires.permission.startsWith("see"));
  return {
    operationId: operationId(route),
    tags: ["hub"],
    summary: route.summary,
    ...(route.legacy
      ? { description: "Access tokens of organisations do not open this path." }
      : {}),
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(route.body === undefined ? {} : { requestBody: bodyOf(route.body) }),
    security: [...(isOpen ? [{}] : []), { session: [] }, { browser: [] }, { password: [] }],
    responses: {
      [route.status ?? 200]: {
        description: route.summary,
        ...(route.answer === undefined ? {} : { content: answerContent(route.answer) }),
      },
      ...(route.cacheable || route.revalidates ? { 304: notModified } : {}),
      ...Object.fromEntries(
        refusals.map((status) => [status, { $ref: "#/components/responses/HubError" }]),
      ),
    },
  };
}

function registryOperation({ form, answer, ...route }: TokenRoute): Json {
  const { kind } = route.requires;
  return {
    operationId: operationId(route),
    tags: ["registry"],
    ...(route.summary === undefined ? {} : { summary: route.summary }),
    parameters: [...pathParameters(route.path, grammars), ...queryParameters(route.query)],
    ...(form === undefined
      ? {}
      : { requestBody: { required: true, content: formContent(schemaOf(form, "input")) } }),
    security: kind === "none" ? [{}] : kind === "browse" ? anybody : [{ registry: [] }],
    responses: {
      ...(answer === undefined
        ? { "2XX": { description: "As the OCI distribution specification says" } }
        : { 200: { description: route.summary, content: answerContent(answer) } }),
      default: {
        description: "An error",
        content: {
          "application/json": { schema: { $ref: "#/components/schemas/RegistryErrors" } },
        },
      },
    },
  };
}

/** Anonymous, with a token, or with a password. */
const anybody = [{}, { registry: [] }, { password: [] }];

function operationId({ method, path }: Pick<Route, "method" | "path">): string {
  const words = path.split("/").map((part) => part.replaceAll(/\W/g, "_"));
  return (
    [method, ...words.filter((word) => word !== "")].join("-") + (path.endsWith("/") ? "-" : "")
  );
}

/** Grammars of the path parameters of the registry routes. */
const grammars: Readonly<Record<string, Json>> = {
  name: { pattern: nameGrammar.source, maxLength: 255 },
  digest: { pattern: digestGrammar.source },
  reference: { anyOf: [{ pattern: tagGrammar.source }, { pattern: digestGrammar.source }] },
};

function pathParameters(path: string, known: Readonly<Record<string, Json>> = {}): Json[] {
  return [...path.matchAll(/[:*](\w+)/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: withoutNul({ type: "string", ...known[name] }),
  }));
}

function queryParameters(query: z.ZodObject | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, "input") as {
    readonly properties?: Json;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: "query",
    required: required.includes(name),
    schema: withoutNul(schema as Json),
  }));
}

function answerContent(answer: z.ZodType): Json {
  const type = answer.meta()?.["contentType"];
  const text = { schema: { type: "string" } };
  if (typeof type === "string") return { [type]: text };
  const { alsoAs, ...schema } = schemaOf(answer, "output");
  return { ...jsonContent(schema), ...(typeof alsoAs === "string" ? { [alsoAs]: text } : {}) };
}

/** A request without a body is parsed as `{}`; so the body is required only if the schema rejects `{}`. */
const bodyOf = (body: z.ZodType): Json => ({
  required: !body.safeParse({}).success,
  content: jsonContent(printableSchema(schemaOf(body, "input"), "") as Json),
});

const formContent = (schema: Json): Json => ({ "application/x-www-form-urlencoded": { schema } });
const jsonContent = (schema: Json): Json => ({ "application/json": { schema } });

const errorOf = (schema: string): Json => ({
  description: "An error",
  content: jsonContent({ $ref: `#/components/schemas/${schema}` }),
});

const notModified: Json = {
  description: "If-None-Match has the ETag of this response, so the client knows it",
};
const refusals = ["400", "401", "403", "404", "409", "413", "429", "503"];

/** The operation of HEAD: the responses of GET without their bodies. */
function headOf(operation: Json): Json {
  const responses = Object.entries(operation["responses"] as Record<string, Json>);
  return {
    ...operation,
    operationId: `head-${String(operation["operationId"])}`,
    responses: Object.fromEntries(
      responses.map(([status, response]) => [
        status,
        "content" in response ? { description: response["description"] } : response,
      ]),
    ),
  };
}
