import { createHash } from "node:crypto";

/** An object in the stub. Large objects have only a size and no `bytes`, to save memory. */
export interface HeldObject {
  readonly sizeBytes: number;
  readonly bytes: Buffer | undefined;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface HeldPart {
  readonly sizeBytes: number;
  readonly bytes: Buffer | undefined;
  readonly etag: string;
}

interface HeldMultipart {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, HeldPart>;
}

/** An S3 error response. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

const mostParts = 10_000;

/** The state of the stub, with the strictest rules of the known stores: equal part sizes and at most 10,000 parts. */
export class StubBucket {
  readonly objects = new Map<string, HeldObject>();
  readonly multiparts = new Map<string, HeldMultipart>();
  readonly #leastPartBytes: number;
  #uploads = 0;

  constructor(leastPartBytes: number) {
    this.#leastPartBytes = leastPartBytes;
  }

  put(key: string, body: Body, headers: Readonly<Record<string, string>>): string {
    const etag = `"${body.md5}"`;
    this.objects.set(key, { sizeBytes: body.sizeBytes, bytes: body.bytes, etag, headers });
    return etag;
  }

  create(key: string, headers: Readonly<Record<string, string>>): string {
    this.#uploads += 1;
    const id = `upload-${this.#uploads}`;
    this.multiparts.set(id, { key, headers, parts: new Map() });
    return id;
  }

  #find(key: string, id: string): HeldMultipart {
    const multipart = this.multiparts.get(id);
    if (multipart === undefined || multipart.key !== key) throw new Refusal(404, "NoSuchUpload");
    return multipart;
  }

  putPart(key: string, id: string, number: number, body: Body): string {
    if (!(number >= 1 && number <= mostParts)) throw new Refusal(400, "InvalidArgument");
    const etag = `"${body.md5}"`;
    const { sizeBytes, bytes } = body;
    this.#find(key, id).parts.set(number, { sizeBytes, bytes, etag });
    return etag;
  }

  complete(
    key: string,
    id: string,
    named: readonly { readonly number: number; readonly etag: string }[],
  ): string {
    const multipart = this.#find(key, id);
    const parts = named.map(({ number, etag }, index) => {
      const part = multipart.parts.get(number);
      if (part === undefined || part.etag !== etag) throw new Refusal(400, "InvalidPart");
      if (number !== index + 1) throw new Refusal(400, "InvalidPartOrder");
      return part;
    });
    if (parts.length === 0) throw new Refusal(400, "MalformedXML");
    const size = parts[0]?.sizeBytes ?? 0;
    for (const part of parts.slice(0, -1)) {
      if (part.sizeBytes < this.#leastPartBytes) throw new Refusal(400, "EntityTooSmall");
      if (part.sizeBytes !== size) throw new Refusal(400, "InvalidPart");
    }
    const hash = createHash("md5");
    for (const { etag } of parts) hash.update(Buffer.from(etag.slice(1, -1), "hex"));
    const etag = `"${hash.digest("hex")}-${parts.length}"`;
    const whole = parts.every(({ bytes }) => bytes !== undefined);
    this.objects.set(key, {
      sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      bytes: whole ? Buffer.concat(parts.map(({ bytes }) => bytes ?? Buffer.alloc(0))) : undefined,
      etag,
      headers: multipart.headers,
    });
    this.multiparts.delete(id);
    return etag;
  }

  abort(key: string, id: string): void {
    this.#find(key, id);
    this.multiparts.delete(id);
  }
}

/** The complete body of a request. */
export interface Body {
  readonly sizeBytes: number;
  readonly bytes: Buffer | undefined;
  readonly md5: string;
}
