import type { ComponentChildren } from "preact";
import { ask, type Answer } from "../answers.ts";
import { pageAddress } from "../addresses.ts";
import { FailedPage } from "../pages/not-found.tsx";
import { usePlace } from "../router.ts";
import { admin as words } from "../words/admin.ts";
import { PageHead } from "./page-head.tsx";
import { Loading } from "./states.tsx";

const tabs = Object.keys(words.tabs) as (keyof typeof words.tabs)[];

/**
 * An administration page: its head with the tabs, and the content.
 * @param first the answer that the page needs; if it fails, its failure is the page
 * @param call the address of `first`
 */
export function AdminPage({
  first,
  call,
  children,
}: {
  readonly first: Answer<unknown>;
  readonly call: string;
  readonly children: ComponentChildren;
}) {
  const { address } = usePlace();
  const { data, failure } = first;
  const hasFailed = data === undefined && failure !== undefined;
  if (hasFailed) return <FailedPage failure={failure} onRetry={() => void ask(call)} />;
  return (
    <>
      <PageHead
        title={words.title}
        label={words.title}
        tabs={tabs.map((page) => ({
          label: words.tabs[page],
          href: pageAddress(page),
          isCurrent: page === address?.page,
        }))}
      />
      <main id="main" class="wrap page">
        {data === undefined ? <Loading /> : children}
      </main>
    </>
  );
}

/** The commands that do on the command line what the page does. */
export const Commands = ({ lines }: { readonly lines: readonly string[] }) => (
  <div class="sub">
    {words.sameBy}
    {lines.map((line) => (
      <div key={line}>
        <code class="mono">{line}</code>
      </div>
    ))}
  </div>
);
