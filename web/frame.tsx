import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { sessionCall } from "./addresses.ts";
import { offlineSince, send, useAnswer, visibleCalls } from "./answers.ts";
import { clock } from "./format.ts";
import { startKeys } from "./keys.ts";
import { Icon, Logo } from "./parts/icon.tsx";
import { lazy } from "./parts/lazy.tsx";
import { SearchBox } from "./parts/search-box.tsx";
import { messageOf } from "./parts/states.tsx";
import { showToast, Toasts } from "./parts/toast.tsx";
import { usePlace } from "./router.ts";
import { useSession } from "./session.ts";
import { chooseTheme, themeNow, type Theme } from "./theme.ts";
import { frame } from "./words/frame.ts";

const dialogs = () => import("./dialogs/frame.tsx");
const Keys = lazy(async () => (await dialogs()).Keys);
const ApiCalls = lazy(async () => (await dialogs()).ApiCalls);

/** A button with a list of links or actions below it. Escape and a click elsewhere close it. */
export function Menu({
  label,
  button,
  kind = "btn icon-only",
  children,
}: {
  readonly label: string;
  readonly button: ComponentChildren;
  readonly kind?: string;
  readonly children: ComponentChildren;
}) {
  const [isOpen, setOpen] = useState(false);
  const anchor = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    if (!isOpen) return undefined;
    const close = (event: Event) => {
      if (
        event instanceof KeyboardEvent
          ? event.key === "Escape"
          : !anchor.current?.contains(event.target as Node)
      )
        setOpen(false);
    };
    document.addEventListener("click", close);
    document.addEventListener("keydown", close);
    return () => {
      document.removeEventListener("click", close);
      document.removeEventListener("keydown", close);
    };
  }, [isOpen]);
  return (
    <span class="menu-anchor" ref={anchor}>
      <button
        type="button"
        class={kind}
        aria-label={label}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        {button}
      </button>
      {isOpen && (
        // The links inside are the controls: a click on one of them also closes the menu.
        // oxlint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events
        <div class="menu" onClick={() => setOpen(false)}>
          {children}
        </div>
      )}
    </span>
  );
}

/** Joins the pages of this registry in one browser: when one signs out, nothing of the session stays in the others. */
const otherPages = new BroadcastChannel("berth-signed-out");
otherPages.addEventListener("message", () => location.reload());

export const signOut = async (): Promise<void> => {
  const result = await send("DELETE", sessionCall);
  if (!result.ok) return showToast({ text: messageOf(result.failure) });
  otherPages.postMessage("signed out");
  location.assign("/");
};

function Account() {
  const { user, is_open: isOpen } = useSession();
  const { url } = usePlace();
  if (isOpen) return null;
  if (user === null)
    return (
      <a class="btn primary" href={`/sign-in?to=${encodeURIComponent(url.pathname + url.search)}`}>
        {frame.signIn}
      </a>
    );
  return (
    <Menu
      label={frame.accountOf(user.username)}
      kind="avatar"
      button={user.username.slice(0, 1).toUpperCase()}
    >
      <a href={`/u/${user.username}`}>{frame.yourRepositories}</a>
      <a href="/new">{frame.newRepository}</a>
      <a href="/settings/profile">{frame.settings}</a>
      <button type="button" onClick={() => void signOut()}>
        {frame.signOut}
      </button>
    </Menu>
  );
}

function ThemeMenu() {
  const [theme, setTheme] = useState(themeNow());
  return (
    <Menu label={frame.theme} kind="btn quiet icon-only" button={<Icon name="theme" />}>
      {(Object.keys(frame.themes) as Theme[]).map((one) => (
        <button
          key={one}
          type="button"
          aria-pressed={theme === one}
          onClick={() => {
            chooseTheme(one);
            setTheme(one);
          }}
        >
          {theme === one ? "✓ " : ""}
          {frame.themes[one]}
        </button>
      ))}
    </Menu>
  );
}

function Header() {
  const { user, host, has_mirrors: hasMirrors } = useSession();
  const { url } = usePlace();
  const current = (path: string) => (url.pathname.startsWith(path) ? ("page" as const) : undefined);
  const links = [
    { path: "/search", label: frame.explore },
    // An administrator adds the first one there.
    ...(hasMirrors || user?.is_admin ? [{ path: "/mirrors", label: frame.mirrors }] : []),
    ...(user?.is_admin === true ? [{ path: "/admin", label: frame.admin }] : []),
  ];
  return (
    <header class="topbar">
      <div class="wrap">
        <a class="brand" href="/">
          <Logo />
          <span class="word">berth</span> <span class="host">{host}</span>
          <span class="sr">{frame.home}</span>
        </a>
        <SearchBox />
        <nav aria-label={frame.main}>
          {links.map(({ path, label }) => (
            <a key={path} class="wide" href={path} aria-current={current(path)}>
              {label}
            </a>
          ))}
          <span class="small-menu">
            <Menu label={frame.main} kind="btn quiet icon-only" button={<Icon name="menu" />}>
              {links.map(({ path, label }) => (
                <a key={path} href={path} aria-current={current(path)}>
                  {label}
                </a>
              ))}
            </Menu>
          </span>
          <ThemeMenu />
          <Account />
        </nav>
      </div>
    </header>
  );
}

function Footer({ onKeys }: { readonly onKeys: () => void }) {
  const { version } = useSession();
  const [calls, setCalls] = useState<readonly string[]>();
  const { failure } = useAnswer("/readyz");
  const isReady = failure === undefined && offlineSince() === undefined;
  return (
    <footer class="footer">
      <div class="wrap">
        <span>Berth {version}</span>
        <button type="button" class="link plain" onClick={() => setCalls(visibleCalls())}>
          {frame.api}
        </button>
        <a href="/openapi.json">{frame.documentation}</a>
        <button type="button" class="link plain" onClick={onKeys}>
          {frame.shortcuts}
        </button>
        <span class={`end ${isReady ? "live" : ""}`}>{isReady ? frame.ready : frame.notReady}</span>
      </div>
      {calls && <ApiCalls calls={calls} onClose={() => setCalls(undefined)} />}
    </footer>
  );
}

/** What is around every page. */
export function Frame({ children }: { readonly children: ComponentChildren }) {
  const [showsKeys, setShowsKeys] = useState(false);
  const { is_open: isOpen, read_only: readOnly } = useSession();
  const sinceMs = offlineSince();
  useEffect(() => startKeys(() => setShowsKeys(true)), []);
  return (
    <>
      <a class="skip" href="#main">
        {frame.skip}
      </a>
      <Header />
      {isOpen && (
        <aside class="offline" aria-label={frame.notice}>
          <div class="wrap">{frame.open}</div>
        </aside>
      )}
      {readOnly && (
        <aside class="offline" aria-label={frame.notice}>
          <div class="wrap">
            {frame.readOnly} {readOnly.reason}
          </div>
        </aside>
      )}
      {sinceMs !== undefined && (
        <aside class="offline" aria-label={frame.notice}>
          <div class="wrap" role="status">
            {frame.offline(clock(sinceMs || Date.now()))}
          </div>
        </aside>
      )}
      {children}
      <Footer onKeys={() => setShowsKeys(true)} />
      {showsKeys && <Keys onClose={() => setShowsKeys(false)} />}
      <Toasts />
    </>
  );
}
