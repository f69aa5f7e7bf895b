import { SignInForm } from "../dialogs/sign-in.tsx";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { signIn } from "../words/frame.ts";

/** Only a path of this registry: another address could imitate it. */
const safePath = (to: string | null): string => (to !== null && /^\/(?![/\\])/.test(to) ? to : "/");

export function Page() {
  const { url } = usePlace();
  const { host, is_open: isOpen } = useSession();
  return (
    <main id="main" class="wrap page">
      <div class="card sign-in">
        <div class="body stack">
          <h1>{signIn.title}</h1>
          <p class="muted">{host}</p>
          {isOpen ? (
            <p>{signIn.open}</p>
          ) : (
            // The page is loaded anew: nothing of the anonymous session stays.
            <SignInForm onDone={() => location.assign(safePath(url.searchParams.get("to")))} />
          )}
          <p>
            <a class="link" href="/search">
              {signIn.lookAround}
            </a>
          </p>
        </div>
      </div>
    </main>
  );
}
