import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { TagAnswer } from "../../src/api/tags.ts";
import { hubCall, repositoryAddress, shortName, tagAddress, tagCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { Menu } from "../frame.tsx";
import { FirstAnswer } from "../pages/not-found.tsx";
import { useParams } from "../router.ts";
import { parts } from "../words/frame.ts";
import { tag as words } from "../words/tag.ts";
import { Icon } from "./icon.tsx";
import { lazy } from "./lazy.tsx";
import { PageHead } from "./page-head.tsx";
import type { OwnView } from "./repository-head.tsx";
import { Digest, Since, Text } from "./text.tsx";

export type TagView = TagAnswer;
type TagTab = keyof typeof words.tabs;

const paths = { contents: "", history: "/history", referrers: "/referrers", manifest: "/manifest" };

const DeleteTag = lazy(async () => (await import("../dialogs/delete-tag.tsx")).DeleteTag);

/** A page of the tag in the address: its head with the tabs, and the content. */
export function TagPage({
  tab,
  layout = "wrap page",
  children,
}: {
  readonly tab: TagTab;
  /** Classes of the content. */
  readonly layout?: string;
  readonly children: (tag: TagView) => ComponentChildren;
}) {
  const { name = "", tag: tagName = "" } = useParams();
  const call = tagCall(name, tagName);
  const answer = useAnswer<TagView>(call, { live: true });
  return (
    <FirstAnswer answer={answer} call={call}>
      {(tag) => (
        <>
          <TagHead name={name} tag={tag} tab={tab} />
          <main id="main" class={layout}>
            {children(tag)}
          </main>
        </>
      )}
    </FirstAnswer>
  );
}

/** The name of the repository as a link, and what it is the tag or the digest of. */
export const TagTitle = ({
  name,
  separator = ":",
  reference,
}: {
  readonly name: string;
  readonly separator?: ":" | "@";
  readonly reference: string;
}) => (
  <>
    <span class="ns">
      <a href={repositoryAddress(name)}>{shortName(name)}</a>
      {separator}
    </span>
    <span class="at">{reference}</span>
  </>
);

/** Name, digest, aliases and tabs of a tag, above each of its pages. */
export function TagHead({
  name,
  tag,
  tab,
}: {
  readonly name: string;
  readonly tag: TagView;
  readonly tab: TagTab;
}) {
  const { data: own } = useAnswer<OwnView>(hubCall(name));
  const [isDeleting, setDeleting] = useState(false);
  const { aliases } = tag;
  const attached = tag.referrers.length + tag.attestations.length;
  const tabs = (Object.keys(paths) as TagTab[]).map((key) => ({
    label: words.tabs[key],
    href: tagAddress(name, tag.name, paths[key]),
    isCurrent: key === tab,
    count: key === "referrers" && attached > 0 ? attached : undefined,
  }));
  const lede = (
    <>
      <Digest digest={tag.digest} />
      {tag.artifact !== null && (
        <span class="sub">
          <Text of={tag.artifact.label} />
        </span>
      )}
      {aliases.length > 0 && (
        <span class="sub">
          {words.sameAs}{" "}
          {aliases.slice(0, 8).map((alias, index) => (
            <>
              {index > 0 && ", "}
              <a class="link" href={tagAddress(name, alias)}>
                {alias}
              </a>
            </>
          ))}
        </span>
      )}
    </>
  );
  return (
    <PageHead
      title={<TagTitle name={name} reference={tag.name} />}
      label={words.label}
      tabs={tabs}
      lede={lede}
    >
      {tag.is_signed && (
        <span class="chip good">
          <Icon name="signed" />
          {parts.signed}
        </span>
      )}
      {tag.is_immutable && (
        <span class="chip accent">
          <Icon name="anchor" />
          {parts.immutable}
        </span>
      )}
      <span class="chip">
        <Icon name="clock" />
        <span>
          {words.moved} <Since time={tag.last_updated} />
        </span>
      </span>
      <span class="end">
        <a
          class="btn"
          href={repositoryAddress(name, `/-/compare?to=${encodeURIComponent(tag.name)}`)}
        >
          <Icon name="compare" />
          {words.compare}
        </a>
        {own?.permissions.write === true && (
          <Menu label={words.label} button={<Icon name="more" />}>
            <a href={tagAddress(name, tag.name, "/history")}>{words.rollBack}</a>
            <button type="button" onClick={() => setDeleting(true)}>
              {words.delete}
            </button>
          </Menu>
        )}
      </span>
      {isDeleting && <DeleteTag name={name} tag={tag} onClose={() => setDeleting(false)} />}
    </PageHead>
  );
}
