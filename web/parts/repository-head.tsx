import { useState } from "preact/hooks";
import type { RepositoryAnswer } from "../../src/api/repositories.ts";
import { hubCall, repositoryAddress, shortName } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { count, visibleText } from "../format.ts";
import { useSession } from "../session.ts";
import { repository as words } from "../words/repository.ts";
import { Icon } from "./icon.tsx";
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

export type RepositoryTab = keyof typeof words.tabs;

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
      <Icon name={isStarred ? "check" : "star"} />
      {words.star}
      <span class="count num">{count(repository.star_count)}</span>
    </button>
  );
}

/** Name, state and tabs of a repository, above each of its pages. */
export function RepositoryHead({
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
  const tabs: readonly (readonly [RepositoryTab, string])[] = [
    ["overview", ""],
    ["tags", "/-/tags"],
    ["activity", "/-/activity"],
    ...(isAdmin && !isOpen ? [["access", "/-/access"] as const] : []),
    ...(isAdmin ? [["settings", "/-/settings"] as const] : []),
  ];
  return (
    <section class="head" aria-label={words.label}>
      <div class="wrap">
        <div class="title">
          <h1>
            {cut > 0 && (
              <span class="ns">
                <a href={`/u/${namespace}`}>{namespace}</a>
                {short.slice(namespace.length, cut)}
              </span>
            )}
            {short.slice(cut)}
          </h1>
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
        </div>
        {repository.description !== "" && <p class="lede">{visibleText(repository.description)}</p>}
        <nav class="tabs" aria-label={words.label}>
          {tabs.map(([key, path]) => (
            <a
              key={key}
              href={repositoryAddress(name, path)}
              aria-current={key === tab ? "page" : undefined}
            >
              {words.tabs[key]}
              {key === "tags" && <span class="count num">{count(repository.tag_count)}</span>}
            </a>
          ))}
        </nav>
      </div>
    </section>
  );
}
