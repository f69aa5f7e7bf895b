import type { IncomingMessage } from "node:http";

export type Operation =
  | "head-bucket"
  | "list"
  | "list-uploads"
  | "create"
  | "part"
  | "complete"
  | "abort"
  | "put"
  | "get"
  | "head"
  | "delete";

/** A parsed request to the stub. */
export interface StubRequest {
  readonly operation: Operation;
  readonly key: string;
  readonly partNumber: number;
  /** Whether the query has the signature, and not a header. */
  readonly isSignedUrl: boolean;
}

/** The operation of a request by its method, key and query. */
export function operationOf(method: string, key: string, query: URLSearchParams): Operation {
  if (key === "") {
    if (method === "HEAD") return "head-bucket";
    return query.has("uploads") ? "list-uploads" : "list";
  }
  switch (method) {
    case "PUT":
      return query.has("partNumber") ? "part" : "put";
    case "POST":
      return query.has("uploads") ? "create" : "complete";
    case "DELETE":
      return query.has("uploadId") ? "abort" : "delete";
    case "HEAD":
      return "head";
    default:
      return "get";
  }
}

/** The headers of a request that S3 stores with an object. */
export function metadataOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith("x-amz-meta-") && typeof value === "string" ? [[name, value]] : [],
    ),
  );
}
