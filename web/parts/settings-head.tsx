import type { ComponentChildren } from "preact";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { frame } from "../words/frame.ts";
import { settings as words } from "../words/settings.ts";
import { PageHead } from "./page-head.tsx";

export type SettingsTab = keyof typeof words.tabs;

const tabs = Object.keys(words.tabs) as SettingsTab[];

/** A page of the settings of the signed-in user. Everybody else is asked to sign in. */
export function SettingsPage({
  tab,
  children,
}: {
  readonly tab: SettingsTab;
  readonly children: ComponentChildren;
}) {
  const { user, is_open: isOpen } = useSession();
  const { url } = usePlace();
  if (user === null)
    return (
      <main id="main" class="wrap page narrow">
        <div class="plain-head">
          <h1>{words.title}</h1>
        </div>
        {isOpen ? (
          <p>{words.open}</p>
        ) : (
          <>
            <p>{words.signInFirst}</p>
            <a
              class="btn primary"
              href={`/sign-in?to=${encodeURIComponent(url.pathname + url.search)}`}
            >
              {frame.signIn}
            </a>
          </>
        )}
      </main>
    );
  return (
    <>
      <PageHead
        title={words.title}
        label={words.title}
        tabs={tabs.map((one) => ({
          label: words.tabs[one],
          href: `/settings/${one}`,
          isCurrent: one === tab,
        }))}
      />
      <main id="main" class="wrap page">
        {children}
      </main>
    </>
  );
}
