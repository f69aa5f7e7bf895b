/** Returns `undefined` for ENOENT and ENOTDIR, and throws every other error. */
export function undefinedIfNotFound(error: unknown): undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}
