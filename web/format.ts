/* Numbers, sizes, times and platforms as text. */

const number = new Intl.NumberFormat("en-US");
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export const count = (value: number): string => number.format(value);
/** `1 tag`, `2 tags`. */
export const many = (value: number, one: string, more: string): string =>
  `${count(value)} ${value === 1 ? one : more}`;
/** 9,204, but 48.2k. */
export const roughCount = (value: number): string =>
  value < 10_000 ? number.format(value) : compact.format(value).replace("K", "k");

/** As docker shows sizes: decimal units, 4.1 GB. */
export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
export const exactSize = (bytes: number): string => `${number.format(bytes)} bytes`;

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** `2 h ago`; a date after two months. */
export function since(time: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Date.parse(time)) / 1000);
  if (seconds < 0) return until(time, nowMs);
  if (seconds < 5) return "now";
  if (seconds < minute) return `${seconds} s ago`;
  if (seconds < hour) return `${Math.trunc(seconds / minute)} min ago`;
  if (seconds < 2 * day) return `${Math.trunc(seconds / hour)} h ago`;
  if (seconds < 60 * day) return `${Math.trunc(seconds / day)} d ago`;
  return date(time);
}

export function until(time: string, nowMs: number): string {
  const seconds = Math.round((Date.parse(time) - nowMs) / 1000);
  if (seconds < minute) return `in ${Math.max(0, seconds)} s`;
  if (seconds < 2 * hour) return `in ${Math.ceil(seconds / minute)} min`;
  if (seconds < 2 * day) return `in ${Math.round(seconds / hour)} h`;
  return `in ${Math.round(seconds / day)} d`;
}

export const date = (time: string): string =>
  new Date(time).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
/** With seconds and the time zone. */
export const exactTime = (time: string): string =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" });
export const clock = (ms: number): string =>
  new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });

/** `sha256:4f0a…c91e` */
export function shortDigest(digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return hex.length <= 12 ? digest : `${algorithm}:${hex.slice(0, 4)}…${hex.slice(-4)}`;
}

/** Releases of Windows Server by the build in `os_version`. */
const builds: Readonly<Record<string, string>> = {
  "14393": "2016",
  "16299": "1709",
  "17134": "1803",
  "17763": "2019",
  "18362": "1903",
  "18363": "1909",
  "19041": "2004",
  "19042": "20H2",
  "20348": "2022",
  "25398": "23H2",
  "26100": "2025",
};

/** The third number of `10.0.20348.2849`. */
export const buildOf = (osVersion: string): string => osVersion.split(".")[2] ?? osVersion;
/** The release of Windows Server; the build if it is not known. */
export const windowsRelease = (osVersion: string): string => {
  const build = buildOf(osVersion);
  return builds[build] ?? build;
};

export const osName = (os: string): string =>
  ({ linux: "Linux", windows: "Windows", darwin: "macOS", freebsd: "FreeBSD", unknown: "Other" })[
    os
  ] ?? os;

const invisible = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\p{Cc}]/gu;
/** Text of other people: characters that reorder or hide text are written out. */
export const visibleText = (text: string): string =>
  text.replace(invisible, (one) =>
    one === "\n" || one === "\t"
      ? one
      : `⟨U+${(one.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );

/** Of what is in a User-Agent, the first match counts: Chromium calls itself Safari, too. */
const browsers: readonly (readonly [RegExp, string])[] = [
  [/\bEdg\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/\b(?:Headless)?Chrome\//, "Chrome"],
  [/\bSafari\//, "Safari"],
  [/\bcurl\//, "curl"],
];
const systems: readonly (readonly [RegExp, string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\b(?:iPhone|iPad)\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** `Firefox, Windows`; `undefined` if the User-Agent names no known browser. */
export function browserName(agent: string): string | undefined {
  const found = [browsers, systems].map(
    (names) => names.find(([expression]) => expression.test(agent))?.[1],
  );
  return found[0] === undefined ? undefined : found.filter(Boolean).join(", ");
}
