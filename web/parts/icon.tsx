const paths = {
  search: "M11.5 7a4.5 4.5 0 1 1-9 0 4.5 4.5 0 0 1 9 0Zm-1 3.5 3 3",
  theme: "M13 9.5A5.5 5.5 0 0 1 6.5 3 5.5 5.5 0 1 0 13 9.5Z",
  filters: "M2.5 4h11M4.5 8h7M6.5 12h3",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  remove: "m4.5 4.5 7 7m0-7-7 7",
  anchor:
    "M9.5 3.75a1.5 1.5 0 1 1-3 0 1.5 1.5 0 0 1 3 0ZM8 5.25v8.5M3 9.5c.3 2.5 2.4 4.25 5 4.25s4.7-1.75 5-4.25M5.5 7.5h5",
  linux: "M3 4.5 6 7.5 3 10.5M7.5 11.5h5.5",
  windows: "M2.5 4 7 3.4v4.1H2.5zM8.5 3.2l5-.7v5h-5zM2.5 9H7v4.1l-4.5-.6zM8.5 9h5v5l-5-.7z",
  pulls: "M8 2.5v7.5M5 7.5 8 10.5l3-3M3 13.5h10",
  star: "m8 2.2 1.75 3.6 3.95.55-2.87 2.77.7 3.93L8 11.18l-3.53 1.87.7-3.93L2.3 6.35l3.95-.55z",
  clock: "M13.5 8a5.5 5.5 0 1 1-11 0 5.5 5.5 0 0 1 11 0ZM8 5v3l2 1.5",
  lock: "M5 7h6a1.5 1.5 0 0 1 1.5 1.5V12a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 12V8.5A1.5 1.5 0 0 1 5 7ZM5.5 7V5a2.5 2.5 0 0 1 5 0v2",
  globe:
    "M13.75 8a5.75 5.75 0 1 1-11.5 0 5.75 5.75 0 0 1 11.5 0ZM2.5 8h11M8 2.25c1.8 1.6 2.5 3.6 2.5 5.75S9.8 12.15 8 13.75C6.2 12.15 5.5 10.15 5.5 8S6.2 3.85 8 2.25Z",
  compare: "M5 3v10M5 3 3 5m2-2 2 2M11 13V3m0 10 2-2m-2 2-2-2",
  copy: "M7 5.5h5A1.5 1.5 0 0 1 13.5 7v5a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 12V7A1.5 1.5 0 0 1 7 5.5ZM10.5 5.5V4A1.5 1.5 0 0 0 9 2.5H4A1.5 1.5 0 0 0 2.5 4v5A1.5 1.5 0 0 0 4 10.5h1.5",
  check: "m3.5 8.5 3 3 6-7",
  signed: "M8 2 3.5 3.7v4.1c0 2.9 1.9 5 4.5 6.2 2.6-1.2 4.5-3.3 4.5-6.2V3.7zM6 8l1.5 1.5 2.7-2.9",
  back: "M6 3.5 3 6.5l3 3M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  file: "M9 2.5H4.5A1 1 0 0 0 3.5 3.5v9a1 1 0 0 0 1 1h7a1 1 0 0 0 1-1V6zM9 2.5V6h3.5",
  plus: "M8 3v10M3 8h10",
} as const;

export type IconName = keyof typeof paths;

/** A decorative picture: the text beside it says the same. */
export const Icon = ({ name }: { readonly name: IconName }) => (
  <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
    <path d={paths[name]} />
  </svg>
);

export const Logo = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true">
    <path fill="currentColor" d="M3 2.5h3.5v19H3z" />
    <rect x="8.5" y="3.5" width="8" height="7.5" rx="1.6" fill="currentColor" opacity=".55" />
    <rect x="8.5" y="13" width="12.5" height="7.5" rx="1.6" fill="currentColor" />
  </svg>
);

/** A picture from the hash of a name, so that rows are told apart at a glance. */
export function Identicon({ name }: { readonly name: string }) {
  let hash = 2166136261;
  for (const one of name) hash = Math.imul(hash ^ (one.codePointAt(0) ?? 0), 16777619) >>> 0;
  const cells = Array.from({ length: 9 }, (_, cell) => ({ cell, kind: (hash >>> (cell * 2)) & 3 }));
  return (
    <svg class="identicon" viewBox="0 0 36 36" aria-hidden="true">
      <rect width="36" height="36" rx="8" />
      {cells.map(({ cell, kind }) =>
        kind === 0 ? null : (
          <rect
            class={kind === 1 ? "c-shared" : "c-own"}
            x={7 + 7.5 * (cell % 3)}
            y={7 + 7.5 * Math.trunc(cell / 3)}
            width="7"
            height="7"
            rx="1.5"
          />
        ),
      )}
    </svg>
  );
}
