import picomatch from "picomatch";
import { compare, satisfies, valid } from "semver";
import type { ScheduleSettings } from "../settings.ts";

/**
 * Converts a tag to a semver version. It also accepts `3.19` and `v3`. A suffix (`3.19-alpine`) becomes a prerelease.
 */
function versionOf(tag: string): string | undefined {
  const [, major, minor = "0", patch = "0", rest = ""] =
    /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?$/.exec(tag) ?? [];
  if (major === undefined) return undefined;
  return valid(`${Number(major)}.${Number(minor)}.${Number(patch)}${rest}`) ?? undefined;
}

/**
 * Returns the tags that match a glob, are in the semver range, and are among the newest `keepNewest` versions. With
 * `semver` or `keepNewest` the newest version comes first; otherwise the tags keep their order.
 */
export function selectTags(
  { tags: globs, semver, keepNewest }: Pick<ScheduleSettings, "tags" | "semver" | "keepNewest">,
  tags: readonly string[],
): readonly string[] {
  const matches = picomatch([...globs], { dot: true });
  const named = tags.filter((tag) => matches(tag));
  if (semver === undefined && keepNewest === undefined) return named;
  return named
    .flatMap((tag) => {
      const version = versionOf(tag);
      const fits =
        version !== undefined &&
        (semver === undefined || satisfies(version, semver, { includePrerelease: false }));
      return version !== undefined && fits ? [{ tag, version }] : [];
    })
    .toSorted((a, b) => compare(b.version, a.version))
    .slice(0, keepNewest)
    .map(({ tag }) => tag);
}
