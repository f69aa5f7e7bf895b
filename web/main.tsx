import { render, type ComponentType } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { fileOf, sessionCall, titleAt, type PageName } from "./addresses.ts";
import { startLive, takeFirstAnswers, useAnswer, whenSignedOut } from "./answers.ts";
import { Frame } from "./frame.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { lazy } from "./parts/lazy.tsx";
import { Loading } from "./parts/states.tsx";
import { announce } from "./parts/toast.tsx";
import { PlaceContext, placeNow, startRouter } from "./router.ts";
import { SessionContext, unknownSession, type SessionAnswer } from "./session.ts";
import { applyTheme } from "./theme.ts";

/** One script per page. The HTML names the script of its page, so that the browser loads it beside this one. */
const files: Readonly<Record<string, () => Promise<{ readonly Page: ComponentType }>>> = {
  home: () => import("./pages/home.tsx"),
  explore: () => import("./pages/explore.tsx"),
  repository: () => import("./pages/repository.tsx"),
  tags: () => import("./pages/tags.tsx"),
  tag: () => import("./pages/tag.tsx"),
  history: () => import("./pages/history.tsx"),
  manifest: () => import("./pages/manifest.tsx"),
  referrers: () => import("./pages/referrers.tsx"),
  compare: () => import("./pages/compare.tsx"),
  digest: () => import("./pages/digest.tsx"),
  "repository-settings": () => import("./pages/repository-settings.tsx"),
  activity: () => import("./pages/activity.tsx"),
  access: () => import("./pages/access.tsx"),
  mirrors: () => import("./pages/mirrors.tsx"),
  settings: () => import("./pages/settings.tsx"),
  tokens: () => import("./pages/tokens.tsx"),
  account: () => import("./pages/account.tsx"),
  members: () => import("./pages/members.tsx"),
  teams: () => import("./pages/teams.tsx"),
  invites: () => import("./pages/invites.tsx"),
  "organisation-tokens": () => import("./pages/organisation-tokens.tsx"),
  audit: () => import("./pages/audit.tsx"),
  "organisation-settings": () => import("./pages/organisation-settings.tsx"),
  new: () => import("./pages/new.tsx"),
  welcome: () => import("./pages/welcome.tsx"),
  admin: () => import("./pages/admin.tsx"),
  "sign-in": () => import("./pages/sign-in.tsx"),
};

const SignInAgain = lazy(async () => (await import("./dialogs/sign-in.tsx")).SignInAgain);

const loaded = new Map<string, ComponentType>();

function PageOf({ page }: { readonly page: PageName | undefined }) {
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  const file = page === undefined ? undefined : fileOf(page);
  const load = file === undefined ? undefined : files[file];
  useEffect(() => {
    if (file === undefined || load === undefined || loaded.has(file)) return;
    void load().then(({ Page }) => {
      loaded.set(file, Page);
      redraw(undefined);
    });
  }, [file, load]);
  if (file === undefined || load === undefined) return <NotFound />;
  const Page = loaded.get(file);
  return Page === undefined ? <Loading /> : <Page />;
}

function App() {
  const [place, setPlace] = useState(placeNow());
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  const [isSignedOut, setSignedOut] = useState(false);
  const { data: session = unknownSession } = useAnswer<SessionAnswer>(sessionCall);

  useEffect(() => {
    startRouter((to, isNewPage) => {
      setPlace(to);
      if (isNewPage) scrollTo(0, 0);
      if (isNewPage) requestAnimationFrame(() => focusHeading());
    });
    startLive(() => redraw(undefined));
    whenSignedOut(() => setSignedOut(true));
  }, []);

  const { address } = place;
  useEffect(() => {
    const name = address === undefined ? "" : titleAt(address);
    document.title = name === "" ? "Berth" : `${name} · Berth`;
  }, [address]);

  return (
    <PlaceContext.Provider value={place}>
      <SessionContext.Provider value={session}>
        <Frame>
          {/* A component of another page or repository starts anew. */}
          <PageOf key={place.url.pathname} page={address?.page} />
        </Frame>
        {isSignedOut && session.user !== null && (
          <SignInAgain user={session.user.username} onClose={() => setSignedOut(false)} />
        )}
      </SessionContext.Provider>
    </PlaceContext.Provider>
  );
}

/** After a change of page the focus is at its heading, and a screen reader reads its name. */
function focusHeading(): void {
  const heading = document.querySelector("h1");
  if (heading === null) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  announce(document.title);
}

applyTheme();
takeFirstAnswers();
const root = document.querySelector("#app");
if (root !== null) render(<App />, root);
