import type { ComponentChildren } from "preact";
import type { TagItemAnswer } from "../../src/api/tags.ts";
import { shortName, tagAddress } from "../addresses.ts";
import { count } from "../format.ts";
import { useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { repository as words } from "../words/repository.ts";
import { CopyButton } from "./copy.tsx";
import { Icon } from "./icon.tsx";
import { Platforms, platformsOf, Since, Size, Text } from "./text.tsx";

export type TagItem = TagItemAnswer;

export const TagTableHead = ({ first }: { readonly first?: ComponentChildren }) => (
  <thead>
    <tr>
      {first}
      <th>{words.columns.tag}</th>
      <th>{words.columns.platforms}</th>
      <th class="r">{words.columns.size}</th>
      <th>{words.columns.pushed}</th>
      <th class="r">{words.columns.pulls}</th>
      <th>
        <span class="sr">{words.columns.copy}</span>
      </th>
    </tr>
  </thead>
);

/** A row of a list of tags. */
export function TagRow({
  repository,
  tag,
  first,
}: {
  readonly repository: string;
  readonly tag: TagItem;
  readonly first?: ComponentChildren;
}) {
  const { host } = useSession();
  const { aliases } = tag;
  const command = `docker pull ${host}/${shortName(repository)}:${tag.name}`;
  return (
    <tr>
      {first}
      <td>
        <span class="two">
          <span class="tagline">
            <a
              class={`tag${tag.name.length > 30 ? " long" : ""}`}
              href={tagAddress(repository, tag.name)}
            >
              {tag.name}
            </a>
            {tag.is_signed && (
              <span title={parts.signed}>
                <Icon name="signed" />
                <span class="sr">{parts.signed}</span>
              </span>
            )}
            {tag.is_immutable && (
              <span title={parts.immutable}>
                <Icon name="anchor" />
                <span class="sr">{parts.immutable}</span>
              </span>
            )}
          </span>
          {aliases.length > 0 && (
            <span class="sub">{words.also(aliases.slice(0, 4).join(", "))}</span>
          )}
        </span>
      </td>
      <td class="full">
        {tag.artifact === null ? (
          <Platforms platforms={platformsOf(tag.images)} />
        ) : (
          <Text of={tag.artifact.label} />
        )}
      </td>
      <td class="r num nw" data-label={words.columns.size}>
        <Size bytes={tag.size} />
      </td>
      <td class="num nw">
        <span class="two">
          <Since time={tag.last_updated} />
          {tag.last_updater !== null && (
            <span class="sub">
              {words.by("")}
              <Text of={tag.last_updater} />
            </span>
          )}
        </span>
      </td>
      <td class="r num" data-label={words.columns.pulls}>
        {count(tag.pull_count)}
      </td>
      <td class="r act">
        <CopyButton text={command} label={`${parts.copy} ${command}`} />
      </td>
    </tr>
  );
}
