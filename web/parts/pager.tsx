import { count } from "../format.ts";
import { usePlace } from "../router.ts";
import { parts } from "../words/frame.ts";

/** The links between the numbered pages of a list. Their number is in the address. */
export function Pager({
  page,
  pageSize,
  all,
  shown,
}: {
  readonly page: number;
  readonly pageSize: number;
  readonly all: number;
  readonly shown: number;
}) {
  const { url } = usePlace();
  const linkTo = (to: number) => {
    const query = new URLSearchParams(url.search);
    if (to === 1) query.delete("page");
    else query.set("page", String(to));
    const text = query.toString();
    return `${url.pathname}${text === "" ? "" : `?${text}`}`;
  };
  const first = (page - 1) * pageSize + 1;
  if (shown === 0) return null;
  return (
    <nav class="pages num" aria-label="Pages">
      <span>{parts.range(first, first + shown - 1, count(all))}</span>
      <span class="actions">
        {page > 1 && (
          <a class="btn small" rel="prev" href={linkTo(page - 1)}>
            {parts.previous}
          </a>
        )}
        {page * pageSize < all && (
          <a class="btn small" rel="next" href={linkTo(page + 1)}>
            {parts.next}
          </a>
        )}
      </span>
    </nav>
  );
}
