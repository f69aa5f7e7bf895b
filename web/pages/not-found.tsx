import type { Failure } from "../answers.ts";
import { useAnswer } from "../answers.ts";
import { api } from "../addresses.ts";
import { Failed } from "../parts/states.tsx";
import { useParams, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { errors, frame } from "../words/frame.ts";

/** The same page for what does not exist and for what the caller may not see. */
export function NotFound() {
  const { url } = usePlace();
  const { user, is_open: isOpen } = useSession();
  const { name } = useParams();
  const what = name ?? decodeURI(url.pathname);
  const text = what.split("/").at(-1) ?? "";
  const { data } = useAnswer<{ readonly results: readonly { readonly short_name: string }[] }>(
    name === undefined ? undefined : `${api}/search?query=${encodeURIComponent(text)}&page_size=3`,
  );
  const near = data?.results ?? [];
  return (
    <main id="main" class="wrap page narrow">
      <h1>{errors.notFound}</h1>
      <p>{errors.notFoundAt(what)}</p>
      {near.length > 0 && (
        <p>
          {errors.didYouMean}{" "}
          {near.map(({ short_name: one }, index) => (
            <>
              {index > 0 && ", "}
              <a class="link" href={`/r/${one}`}>
                {one}
              </a>
            </>
          ))}
          ?
        </p>
      )}
      <div class="actions">
        {user === null && !isOpen && (
          <a class="btn primary" href={`/sign-in?to=${encodeURIComponent(url.pathname)}`}>
            {frame.signIn}
          </a>
        )}
        {text !== "" && (
          <a class="btn" href={`/search?q=${encodeURIComponent(text)}`}>
            {errors.searchFor(text)}
          </a>
        )}
        <a class="btn" href="/">
          {errors.home}
        </a>
      </div>
    </main>
  );
}

/** In the place of a page whose first answer failed. */
export function FailedPage({
  failure,
  onRetry,
}: {
  readonly failure: Failure;
  readonly onRetry?: () => void;
}) {
  if (failure.status === 404 || failure.status === 401) return <NotFound />;
  return (
    <main id="main" class="wrap page narrow">
      <h1>{failure.status === 403 ? errors.forbidden : errors.failed}</h1>
      <Failed failure={failure} onRetry={onRetry} />
    </main>
  );
}
