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

/** Title and tabs of the pages of one noun: a repository, a tag, an account, the settings. */
export function PageHead({
  title,
  label,
  tabs,
  lede,
  children,
}: {
  readonly title: ComponentChildren;
  /** The name of the tabs for screen readers. */
  readonly label: string;
  readonly tabs: readonly Tab[];
  /** One line below the title. */
  readonly lede?: ComponentChildren;
  /** Chips and buttons beside the title. */
  readonly children?: ComponentChildren;
}) {
  const nav = useRef<HTMLElement>(null);
  // On a narrow screen the tabs scroll. The page itself must keep its place.
  useEffect(() => {
    const { current: box } = nav;
    const tab = box?.querySelector("[aria-current]");
    if (!box || !tab) return;
    box.scrollLeft += Math.max(
      0,
      tab.getBoundingClientRect().right - box.getBoundingClientRect().right,
    );
  }, []);
  return (
    <section class="head" aria-label={label}>
      <div class="wrap">
        <div class="title">
          <h1>{title}</h1>
          {children}
        </div>
        {lede !== undefined && lede !== "" && <div class="lede">{lede}</div>}
        {tabs.length > 0 && (
          <nav ref={nav} class="tabs" aria-label={label}>
            {tabs.map((tab) => (
              <a key={tab.href} href={tab.href} aria-current={tab.isCurrent ? "page" : undefined}>
                {tab.label}
                {tab.count !== undefined && <span class="count num">{count(tab.count)}</span>}
              </a>
            ))}
          </nav>
        )}
      </div>
    </section>
  );
}
