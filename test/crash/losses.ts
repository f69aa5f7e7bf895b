import { blobProblem, imageProblems, readManifest } from "./invariants.ts";
import type { HeldImage, Ledger } from "./ledger.ts";
import type { Wire } from "./wire.ts";

/** The number of acknowledged requests in a ledger. */
export const acknowledgedIn = ({ blobs, images, deleted }: Ledger): number =>
  blobs.length + images.length + deleted.length;

const atOnce = 24;

/**
 * The content of the ledger that was acknowledged and that the server does not return. `collected`: a collector runs,
 * so blobs that no manifest names may have been deleted.
 */
export async function losses(
  wire: Wire,
  ledger: Ledger,
  { collected = false }: { readonly collected?: boolean } = {},
): Promise<string[]> {
  const checks = [
    ...ledger.deleted.map(({ repository, reference }) => async () => {
      const { status } = await readManifest(wire, repository, reference);
      return status === 404 ? [] : [`deleted ${repository} ${reference}: ${status}`];
    }),
    ...(collected ? [] : ledger.blobs).map(({ repository, digest, sizeBytes }) => async () => {
      const problem = await blobProblem(wire, repository, digest, sizeBytes);
      return problem === undefined ? [] : [problem];
    }),
    ...ledger.images.map((image) => () => imageLosses(wire, image, collected)),
    ...[...ledger.latest].map(([repository, { acknowledged, asked }]) => async () => {
      if (acknowledged === undefined) return [];
      const { status, headers } = await readManifest(wire, repository, "latest");
      const points = headers["docker-content-digest"];
      if (status === 200 && (points === acknowledged || points === asked)) return [];
      return [`latest of ${repository}: ${status}, ${String(points)} instead of ${acknowledged}`];
    }),
  ];
  const problems: string[] = [];
  const worker = async (): Promise<void> => {
    for (let check = checks.pop(); check !== undefined; check = checks.pop())
      problems.push(...(await check()));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return problems;
}

async function imageLosses(
  wire: Wire,
  { repository, tag, digest, manifest }: HeldImage,
  whole: boolean,
): Promise<string[]> {
  const problems: string[] = [];
  for (const reference of [tag, digest]) {
    const { status, body } = await readManifest(wire, repository, reference);
    if (status !== 200 || !body.equals(manifest))
      problems.push(`manifest ${repository} ${reference}: ${status}`);
  }
  if (whole) problems.push(...(await imageProblems(wire, repository, manifest)));
  return problems;
}
