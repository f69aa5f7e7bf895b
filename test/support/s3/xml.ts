/** The S3 XML documents that the stub reads and writes. */

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const head = '<?xml version="1.0" encoding="UTF-8"?>\n';

export const errorXml = (code: string): string =>
  `${head}<Error><Code>${code}</Code><Message>the stub says ${code}</Message></Error>`;

export const createdXml = (id: string): string =>
  `${head}<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`;

export const completedXml = (key: string, etag: string): string =>
  `${head}<CompleteMultipartUploadResult><Key>${escaped(key)}</Key><ETag>${escaped(etag)}</ETag></CompleteMultipartUploadResult>`;

/** The page of `all` after `token`, and the token of the next page. */
export function pageOf<T>(all: readonly T[], token: string | null, size: number) {
  const start = Number(token ?? 0);
  const page = all.slice(start, start + size);
  const next = start + page.length < all.length ? String(start + page.length) : undefined;
  return { page, next };
}

export function listXml(
  objects: readonly { readonly key: string; readonly sizeBytes: number }[],
  next: string | undefined,
): string {
  const contents = objects.map(
    ({ key, sizeBytes }) =>
      `<Contents><Key>${escaped(key)}</Key><Size>${sizeBytes}</Size></Contents>`,
  );
  const more = next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `${head}<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${more}${contents.join("")}</ListBucketResult>`;
}

export function uploadsXml(
  uploads: readonly { readonly key: string; readonly id: string }[],
  next: string | undefined,
): string {
  const listed = uploads.map(
    ({ key, id }) => `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></Upload>`,
  );
  const more = next === undefined ? "" : `<NextKeyMarker>${next}</NextKeyMarker>`;
  return `${head}<ListMultipartUploadsResult><IsTruncated>${next !== undefined}</IsTruncated>${more}${listed.join("")}</ListMultipartUploadsResult>`;
}

/** The parts in a CompleteMultipartUpload request. */
export function namedParts(xml: string): { readonly number: number; readonly etag: string }[] {
  return [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = ""]) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? "").replaceAll("&quot;", '"'),
  }));
}
