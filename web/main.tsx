import { render, type ComponentType } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { fileOf, sessionCall } from "./addresses.ts";
import { startLive, takeFirstAnswers, useAnswer, whenSignedOut } from "./answers.ts";
import { Frame } from "./frame.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { lazy } from "./parts/lazy.tsx";
import { announce } from "./parts/toast.tsx";
import { PlaceContext, placeNow, startRouter } from "./router.ts";
import { SessionContext, unknownSession, type SessionAnswer } from "./session.ts";
import { applyTheme } from "./theme.ts";
import { titleAt } from "./titles.ts";

const page = (load: () => Promise<{ readonly Page: ComponentType }>): ComponentType =>
  lazy(async () => (await load()).Page, { isQuiet: false });

/** One script per page. The HTML names the script of its page, so that the browser loads it beside this one. */
const pages: Readonly<Record<string, ComponentType>> = {
  home: page(() => import("./pages/home.tsx")),
  explore: page(() => import("./pages/explore.tsx")),
  repository: page(() => import("./pages/repository.tsx")),
  tags: page(() => import("./pages/tags.tsx")),
  tag: page(() => import("./pages/tag.tsx")),
  history: page(() => import("./pages/history.tsx")),
  manifest: page(() => import("./pages/manifest.tsx")),
  referrers: page(() => import("./pages/referrers.tsx")),
  compare: page(() => import("./pages/compare.tsx")),
  digest: page(() => import("./pages/digest.tsx")),
  "repository-settings": page(() => import("./pages/repository-settings.tsx")),
  activity: page(() => import("./pages/activity.tsx")),
  access: page(() => import("./pages/access.tsx")),
  mirrors: page(() => import("./pages/mirrors.tsx")),
  settings: page(() => import("./pages/settings.tsx")),
  tokens: page(() => import("./pages/tokens.tsx")),
  account: page(() => import("./pages/account.tsx")),
  members: page(() => import("./pages/members.tsx")),
  teams: page(() => import("./pages/teams.tsx")),
  invites: page(() => import("./pages/invites.tsx")),
  "organisation-tokens": page(() => import("./pages/organisation-tokens.tsx")),
  audit: page(() => import("./pages/audit.tsx")),
  "organisation-settings": page(() => import("./pages/organisation-settings.tsx")),
  new: page(() => import("./pages/new.tsx")),
  welcome: page(() => import("./pages/welcome.tsx")),
  admin: page(() => import("./pages/admin.tsx")),
  "admin-users": page(() => import("./pages/admin-users.tsx")),
  "admin-organisations": page(() => import("./pages/admin-organisations.tsx")),
  "admin-storage": page(() => import("./pages/admin-storage.tsx")),
  "admin-collector": page(() => import("./pages/admin-collector.tsx")),
  "admin-audit": page(() => import("./pages/admin-audit.tsx")),
  "admin-keys": page(() => import("./pages/admin-keys.tsx")),
  "admin-uploads": page(() => import("./pages/admin-uploads.tsx")),
  "admin-webhooks": page(() => import("./pages/admin-webhooks.tsx")),
  "sign-in": page(() => import("./pages/sign-in.tsx")),
};

const SignInAgain = lazy(async () => (await import("./dialogs/sign-in.tsx")).SignInAgain);

function App() {
  const [place, setPlace] = useState(placeNow());
  const [, redraw] = useReducer<number, undefined>((turn) => turn + 1, 0);
  const [isSignedOut, setSignedOut] = useState(false);
  const { data: session = unknownSession } = useAnswer<SessionAnswer>(sessionCall);

  useEffect(() => {
    startRouter(({ place: to, isNewPage, top }) => {
      setPlace(to);
      // A page that was left and is shown again has its rows at once: their answers are kept.
      if (isNewPage)
        requestAnimationFrame(() => {
          focusHeading();
          scrollTo(0, top);
        });
    });
    startLive(() => redraw(undefined));
    whenSignedOut(() => setSignedOut(true));
  }, []);

  const { address } = place;
  const Page = (address && pages[fileOf(address.page)]) ?? NotFound;
  useEffect(() => {
    const name = address === undefined ? "" : titleAt(address);
    document.title = name === "" ? "Berth" : `${name} · Berth`;
  }, [address]);

  return (
    <PlaceContext.Provider value={place}>
      <SessionContext.Provider value={session}>
        <Frame>
          {/* A component of another page or repository starts anew. */}
          <Page key={place.url.pathname} />
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
