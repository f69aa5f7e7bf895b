import type { TagAnswer } from "../../src/api/tags.ts";
import { useState } from "preact/hooks";
import { hubCall, repositoryAddress, shortName, tagAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { Menu } from "../frame.tsx";
import { parts } from "../words/frame.ts";
import { tag as words } from "../words/tag.ts";
import { Icon } from "./icon.tsx";
import { lazy } from "./lazy.tsx";
import type { OwnView } from "./repository-head.tsx";
import { Digest, Since } from "./text.tsx";

export type TagView = TagAnswer;

const paths = { contents: "", history: "/history", referrers: "/referrers", manifest: "/manifest" };

const DeleteTag = lazy(async () => (await import("../dialogs/delete-tag.tsx")).DeleteTag);

/** Name, digest, aliases and tabs of a tag, above each of its pages. */
export function TagHead({
  name,
  tag,
  tab,
}: {
  readonly name: string;
  readonly tag: TagView;
  readonly tab: keyof typeof words.tabs;
}) {
  const { data: own } = useAnswer<OwnView>(hubCall(name));
  const [isDeleting, setDeleting] = useState(false);
  const short = shortName(name);
  const { aliases } = tag;
  const attached = tag.referrers.length + tag.attestations.length;
  return (
    <section class="head" aria-label={words.label}>
      <div class="wrap">
        <div class="title">
          <h1>
            <span class="ns">
              <a href={repositoryAddress(name)}>{short}</a>:
            </span>
            <span class="at">{tag.name}</span>
          </h1>
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
            {words.moved} <Since time={tag.last_updated} />
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
        </div>
        <div class="lede">
          <Digest digest={tag.digest} />
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
        </div>
        <nav class="tabs" aria-label={words.label}>
          {(Object.keys(paths) as (keyof typeof paths)[]).map((key) => (
            <a
              key={key}
              href={tagAddress(name, tag.name, paths[key])}
              aria-current={key === tab ? "page" : undefined}
            >
              {words.tabs[key]}
              {key === "referrers" && attached > 0 && <span class="count num">{attached}</span>}
            </a>
          ))}
        </nav>
      </div>
      {isDeleting && <DeleteTag name={name} tag={tag} onClose={() => setDeleting(false)} />}
    </section>
  );
}
