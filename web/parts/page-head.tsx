import type { ComponentChildren } from "preact";
import { count } from "../format.ts";

export interface Tab {
  readonly label: string;
  readonly href: string;
  readonly isCurrent: boolean;
  /** Shown beside the label. */
  readonly count?: number | undefined;
}

/** Title and tabs of the pages of one noun: an account, the settings. */
export const PageHead = ({
  title,
  label,
  tabs,
  children,
}: {
  readonly title: string;
  /** The name of the tabs for screen readers. */
  readonly label: string;
  readonly tabs: readonly Tab[];
  /** Chips beside the title. */
  readonly children?: ComponentChildren;
}) => (
  <section class="head" aria-label={label}>
    <div class="wrap">
      <div class="title">
        <h1>{title}</h1>
        {children}
      </div>
      <nav class="tabs" aria-label={label}>
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
