import type { SearchResultAnswer } from "../../src/api/search.ts";
import { repositoryAddress } from "../addresses.ts";
import { roughCount, visibleText } from "../format.ts";
import { explore } from "../words/explore.ts";
import { parts } from "../words/frame.ts";
import { Icon, Identicon } from "./icon.tsx";
import { Platforms, platformsOfRepository, Since } from "./text.tsx";

export type SearchHit = SearchResultAnswer;

/** The name with the namespace in grey, and the words of the search marked. */
function Name({ name, text }: { readonly name: string; readonly text: string }) {
  const cut = name.lastIndexOf("/") + 1;
  const rest = name.slice(cut);
  const at = text === "" ? -1 : rest.indexOf(text.toLowerCase());
  return (
    <a href={repositoryAddress(name)}>
      <span class="ns">{name.slice(0, cut)}</span>
      {at < 0 ? (
        rest
      ) : (
        <>
          {rest.slice(0, at)}
          <mark>{rest.slice(at, at + text.length)}</mark>
          {rest.slice(at + text.length)}
        </>
      )}
    </a>
  );
}

/** The description, and where the words of the search are if they are not in the name. */
function Description({ description, matched }: SearchHit) {
  const foundIn = matched === null || matched === "name" ? undefined : explore.foundIn[matched];
  if (description === "" && foundIn === undefined) return null;
  return (
    <p class="description">
      {visibleText(description)} {foundIn && <span class="sub">{foundIn}</span>}
    </p>
  );
}

export const PrivateChip = () => (
  <span class="chip">
    <Icon name="lock" />
    {parts.private}
  </span>
);
export const OfficialChip = () => (
  <span class="chip accent">
    <Icon name="anchor" />
    {parts.official}
  </span>
);

/** Repositories with what decides between them: platforms, pulls, stars, the last push. */
export const RepositoryList = ({
  repositories,
  text = "",
}: {
  readonly repositories: readonly SearchHit[];
  readonly text?: string;
}) => (
  <ul class="results">
    {repositories.map((one) => (
      <li key={one.name}>
        <Identicon name={one.name} />
        <div>
          <div class="name">
            <Name name={one.short_name} text={text} />
            {one.is_official && <OfficialChip />}
            {one.is_private && <PrivateChip />}
          </div>
          <Description {...one} />
          <Platforms platforms={platformsOfRepository(one)} />
        </div>
        <div class="stats num">
          <span>
            <Icon name="pulls" />
            {roughCount(one.pull_count)}
            <span class="sr"> {explore.pulls}</span>
          </span>
          <span>
            <Icon name="star" />
            {roughCount(one.star_count)}
            <span class="sr"> {explore.stars}</span>
          </span>
          <span>
            <Icon name="clock" />
            <Since time={one.last_updated} />
          </span>
        </div>
      </li>
    ))}
  </ul>
);
