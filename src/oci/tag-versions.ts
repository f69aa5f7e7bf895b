import { satisfies, valid, validRange } from "semver";

/* Tags that are semantic versions. */

/**
 * Converts a tag to a semver version. It also accepts `3.19` and `v3`. A suffix (`3.19-alpine`) becomes a prerelease.
 */
export function versionOf(tag: string): string | undefined {
  const [, major, minor = "0", patch = "0", rest = ""] =
    /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?$/.exec(tag) ?? [];
  if (major === undefined) return undefined;
  return valid(`${Number(major)}.${Number(minor)}.${Number(patch)}${rest}`) ?? undefined;
}

/** Whether a version is in a range. A prerelease is only in a range that names one of the same version. */
export const isInRange = (version: string, range: string): boolean =>
  satisfies(version, range, { includePrerelease: false });

export const isVersionRange = (text: string): boolean => validRange(text) !== null;
