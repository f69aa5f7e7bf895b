import { useEffect, useState } from "preact/hooks";
import {
  buildOf,
  exactSize,
  exactTime,
  osName,
  shortDigest,
  since,
  size,
  visibleText,
  windowsRelease,
} from "../format.ts";
import { parts } from "../words/frame.ts";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icon.tsx";

const clockListeners = new Set<() => void>();
setInterval(() => {
  for (const listener of clockListeners) listener();
}, 10_000);

/** Relative, with the exact time in the title; it counts on. */
export function Since({ time }: { readonly time: string | null }) {
  const [nowMs, setNow] = useState(Date.now());
  useEffect(() => {
    const listener = () => setNow(Date.now());
    clockListeners.add(listener);
    return () => void clockListeners.delete(listener);
  }, []);
  if (time === null) return <span class="muted">–</span>;
  return (
    <time dateTime={time} title={exactTime(time)}>
      {since(time, Math.max(nowMs, Date.now() - 10_000))}
    </time>
  );
}

export const Size = ({ bytes }: { readonly bytes: number }) => (
  <span class="num nw" title={exactSize(bytes)}>
    {size(bytes)}
  </span>
);

/** Text of other people, in its own direction. */
export const Text = ({ of }: { readonly of: string }) => <bdi>{visibleText(of)}</bdi>;

export const Digest = ({ digest }: { readonly digest: string }) => (
  <>
    <span class="digest" title={digest}>
      {shortDigest(digest)}
    </span>{" "}
    <CopyButton text={digest} label={parts.copyDigest} quiet />
  </>
);

interface PlatformsOf {
  readonly os: string;
  readonly labels: readonly string[];
}

/** One plate per operating system: Linux by architecture, Windows by release. */
export function Platforms({ platforms }: { readonly platforms: readonly PlatformsOf[] }) {
  return (
    <span class="plats">
      {platforms.map(({ os, labels }) => (
        <span class="plat" key={os}>
          <b>
            <Icon name={os === "windows" ? "windows" : "linux"} />
            {osName(os)}
          </b>
          {labels.slice(0, 8).map((label) => (
            <span key={label}>{visibleText(label)}</span>
          ))}
          {labels.length > 8 && <span>+{labels.length - 8}</span>}
        </span>
      ))}
    </span>
  );
}

interface ImagePlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly os_version: string | null;
}

/** The plates of the images of a tag. */
export function platformsOf(images: readonly ImagePlatform[]): readonly PlatformsOf[] {
  const found = new Map<string, Set<string>>();
  for (const image of images) {
    if (image.os === "unknown" || image.os === "") continue;
    const labels = found.get(image.os) ?? new Set();
    found.set(image.os, labels.add(platformLabel(image)));
  }
  return [...found].map(([os, labels]) => ({ os, labels: [...labels] }));
}

const platformLabel = ({ os, architecture, variant, os_version: version }: ImagePlatform): string =>
  os === "windows" && version !== null
    ? windowsRelease(version)
    : `${architecture}${variant === null || (architecture === "arm64" && variant === "v8") ? "" : `/${variant}`}`;

/** The plates of a repository: it knows its platforms one by one, not their combinations. */
export function platformsOfRepository(repository: {
  readonly operating_systems: readonly string[];
  readonly architectures: readonly string[];
  readonly os_versions: readonly string[];
}): readonly PlatformsOf[] {
  const releases = [...new Set(repository.os_versions.map(windowsRelease))].toSorted();
  return repository.operating_systems
    .filter((os) => os !== "unknown" && os !== "")
    .map((os) => ({
      os,
      labels:
        os === "windows" ? releases : repository.architectures.filter((one) => one !== "unknown"),
    }));
}

/** `linux/arm64/v8`, as the diff and `--platform` take it. */
export const platformKey = ({
  os,
  architecture,
  variant,
  os_version: version,
}: ImagePlatform): string =>
  `${os}/${architecture}${variant === null ? "" : `/${variant}`}${version === null ? "" : `:${version}`}`;

/** Words for the tile of an image: the operating system, and the rest. */
export function platformWords(image: ImagePlatform): {
  readonly os: string;
  readonly rest: string;
} {
  const { os, architecture, variant, os_version: version } = image;
  const machine = variant === null ? architecture : `${architecture} / ${variant}`;
  if (os !== "windows" || version === null) return { os: osName(os), rest: machine };
  const build = version.split(".").slice(2).join(".") || buildOf(version);
  return { os: `Windows ${windowsRelease(version)}`, rest: `${machine} · ${build}` };
}
