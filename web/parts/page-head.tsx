import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { count } from "../format.ts";

export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly isCurrent: boolean;
  /** Shown beside the label. */
  readonly count?: number | undefined;
}

/** Title and tabs of the pages of one noun: an account, the settings. */
export function PageHead({
  title,
  label,
  tabs,
  lede,
  children,
}: {
  readonly title: string;
  /** The name of the tabs for screen readers. */
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly lede?: string;
  /** Chips and buttons beside the title. */
  readonly children?: ComponentChildren;
}) {
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen the tabs scroll.
  useEffect(() => {
    const current = nav.current?.querySelector("[aria-current]");
    current?.scrollIntoView({ inline: "nearest", block: "nearest" });
  }, []);
  return (
    <section class="head" aria-label={label}>
      <div class="wrap">
        <div class="title">
          <h1>{title}</h1>
          {children}
        </div>
        {lede !== undefined && lede !== "" && <p class="lede">{lede}</p>}
        <nav ref={nav} class="tabs" aria-label={label}>
          {tabs.map((tab) => (
            <a key={tab.href} href={tab.href} aria-current={tab.isCurrent ? "page" : undefined}>
              {tab.label}
              {tab.count !== undefined && <span class="count num">{count(tab.count)}</span>}
            </a>
          ))}
        </nav>
      </div>
    </section>
  );
}
