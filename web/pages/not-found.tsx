import type { ComponentChildren } from "preact";
import { api } from "../addresses.ts";
import { ask, useAnswer, type Answer, type Failure } from "../answers.ts";
import { shortDigest } from "../format.ts";
import { Failed, Loading } from "../parts/states.tsx";
import { useParams, usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { errors, frame } from "../words/frame.ts";

/** The same page for what does not exist and for what the caller may not see. */
export function NotFound() {
  const { url } = usePlace();
  const { user, is_open: isOpen } = useSession();
  const { name, tag, digest } = useParams();
  const repository = name ?? decodeURI(url.pathname);
  const text = repository.split("/").at(-1) ?? "";
  const what = `${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${shortDigest(digest)}`}`;
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
      {failure.status === 403 ? (
        <p>{errors.forbiddenHint}</p>
      ) : (
        <Failed failure={failure} onRetry={onRetry} />
      )}
      <a class="btn" href="/">
        {errors.home}
      </a>
    </main>
  );
}

/** A page of one answer: grey lines while it loads, its failure, or what the page shows of it. */
export function FirstAnswer<T>({
  answer: { data, failure },
  call,
  children,
}: {
  readonly answer: Answer<T>;
  readonly call: string;
  readonly children: (data: T) => ComponentChildren;
}) {
  if (data !== undefined) return <>{children(data)}</>;
  if (failure !== undefined) return <FailedPage failure={failure} onRetry={() => void ask(call)} />;
  return (
    <main id="main" class="wrap page">
      <Loading />
    </main>
  );
}
