import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall, repositoryAddress, repositoryCall, shortName } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { count, visibleText } from "../format.ts";
import { FirstAnswer } from "../pages/not-found.tsx";
import { useParams } from "../router.ts";
import { useSession } from "../session.ts";
import { repository as words } from "../words/repository.ts";
import { Icon } from "./icon.tsx";
import { PageHead } from "./page-head.tsx";
import { OfficialChip, PrivateChip } from "./repository-list.tsx";
import { showToast } from "./toast.tsx";

/** What the caller may do, from the Hub-shaped API. */
export interface OwnView {
  readonly has_starred: boolean;
  readonly permissions: {
    readonly read: boolean;
    readonly write: boolean;
    readonly admin: boolean;
  };
}

type RepositoryTab = keyof typeof words.tabs;

/** A page of the repository in the address: its head with the tabs, and the content. */
export function RepositoryPage({
  tab,
  layout = "wrap page",
  children,
}: {
  readonly tab: RepositoryTab;
  /** Classes of the content. */
  readonly layout?: string;
  readonly children: (repository: RepositoryAnswer) => ComponentChildren;
}) {
  const { name = "" } = useParams();
  const call = repositoryCall(name);
  const answer = useAnswer<RepositoryAnswer>(call, { live: true });
  return (
    <FirstAnswer answer={answer} call={call}>
      {(repository) => (
        <>
          <RepositoryHead repository={repository} tab={tab} />
          <main id="main" class={layout}>
            {children(repository)}
          </main>
        </>
      )}
    </FirstAnswer>
  );
}

function Star({ repository }: { readonly repository: RepositoryAnswer }) {
  const { name } = repository;
  const { user } = useSession();
  const { data } = useAnswer<OwnView>(hubCall(name));
  const [isRunning, setRunning] = useState(false);
  if (user === null)
    return (
      <span class="chip">
        <Icon name="star" />
        <span class="num">{count(repository.star_count)}</span>
      </span>
    );
  const isStarred = data?.has_starred ?? false;
  const toggle = async () => {
    setRunning(true);
    const result = await send(isStarred ? "DELETE" : "POST", hubCall(name, "/stars"));
    setRunning(false);
    if (!result.ok) showToast({ text: result.failure.message });
  };
  return (
    <button
      type="button"
      class="btn"
      aria-pressed={isStarred}
      disabled={isRunning}
      onClick={() => void toggle()}
    >
      <Icon name="star" />
      {words.star}
      <span class="count num">{count(repository.star_count)}</span>
    </button>
  );
}

/** Name, state and tabs of a repository. */
function RepositoryHead({
  repository,
  tab,
}: {
  readonly repository: RepositoryAnswer;
  readonly tab: RepositoryTab;
}) {
  const { name } = repository;
  const { user, is_open: isOpen } = useSession();
  const { data } = useAnswer<OwnView>(hubCall(name));
  const short = shortName(name);
  const cut = short.lastIndexOf("/") + 1;
  const [namespace = ""] = name.split("/");
  const isAdmin = data?.permissions.admin === true && (user !== null || isOpen);
  const shown: readonly (readonly [RepositoryTab, string])[] = [
    ["overview", ""],
    ["tags", "/-/tags"],
    ["activity", "/-/activity"],
    ...(isAdmin && !isOpen ? [["access", "/-/access"] as const] : []),
    ...(isAdmin ? [["settings", "/-/settings"] as const] : []),
  ];
  const tabs = shown.map(([key, path]) => ({
    label: words.tabs[key],
    href: repositoryAddress(name, path),
    isCurrent: key === tab,
    count: key === "tags" ? repository.tag_count : undefined,
  }));
  const title = (
    <>
      {cut > 0 && (
        <span class="ns">
          <a href={`/u/${namespace}`}>{namespace}</a>
          {short.slice(namespace.length, cut)}
        </span>
      )}
      {short.slice(cut)}
    </>
  );
  return (
    <PageHead
      title={title}
      label={words.label}
      tabs={tabs}
      lede={visibleText(repository.description)}
    >
      {name.startsWith("library/") && <OfficialChip />}
      {repository.is_private && <PrivateChip />}
      {repository.immutable_tags && (
        <span class="chip accent">
          <Icon name="anchor" />
          {words.immutable(repository.immutable_tags)}
        </span>
      )}
      <span class="end">
        <Star repository={repository} />
        {repository.tag_count > 1 && (
          <a class="btn" href={repositoryAddress(name, "/-/compare")}>
            <Icon name="compare" />
            {words.compare}
          </a>
        )}
      </span>
    </PageHead>
  );
}
