import picomatch from "picomatch";
import { compare, satisfies, valid } from "semver";
import type { ScheduleSettings } from "../settings.ts";

/** `3.19` and `v3` are versions to people, if not to semver; a suffix behind them makes another kind of tag. */
function versionOf(tag: string): string | undefined {
  const [, major, minor = "0", patch = "0", rest = ""] =
    /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?([-+].*)?$/.exec(tag) ?? [];
  if (major === undefined) return undefined;
  return valid(`${Number(major)}.${Number(minor)}.${Number(patch)}${rest}`) ?? undefined;
}

/**
 * The tags that a schedule speaks of: those that match one of its globs, of these the versions in its range, and of
 * these the newest. The newest comes first where it counts, else the order is the list's.
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
