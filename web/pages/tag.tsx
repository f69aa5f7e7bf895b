import { useMemo, useState } from "preact/hooks";
import type { ManifestAnswer } from "../../src/api/manifests.ts";
import type { ImageAnswer } from "../../src/api/tags.ts";
import { fullName, repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { Configuration } from "../parts/configuration.tsx";
import { Layers } from "../parts/layers.tsx";
import { Moves } from "../parts/moves.tsx";
import { PullCard } from "../parts/pull-card.tsx";
import { ReferrerList } from "../parts/referrer-list.tsx";
import { Loaded } from "../parts/states.tsx";
import { TagPage, type TagView } from "../parts/tag-head.tsx";
import { platformKey, platformWords, Size } from "../parts/text.tsx";
import { Icon } from "../parts/icon.tsx";
import { setQuery, useParams, usePlace } from "../router.ts";
import { tag as words } from "../words/tag.ts";

/** A tag: how to pull it, its platforms, and what the chosen one consists of. */
export function Page() {
  const { name = "" } = useParams();
  return (
    <TagPage tab="contents" layout="wrap">
      {(tag) => <Contents name={fullName(name)} tag={tag} />}
    </TagPage>
  );
}

function Contents({ name, tag }: { readonly name: string; readonly tag: TagView }) {
  const { url } = usePlace();
  const { data: repository } = useAnswer<{ readonly is_private: boolean }>(repositoryCall(name));
  const asked = url.searchParams.get("platform");
  const images = tag.images.filter(({ os }) => os !== "unknown" && os !== "");
  const chosen = images.find((image) => platformKey(image) === asked) ?? images[0];
  return (
    <div class="cols">
      <div class="stack">
        <PullCard
          name={name}
          references={[`${name}:${tag.name}`, `${name}@${tag.digest}`]}
          isPrivate={repository?.is_private === true}
          type={tag.artifact?.type ?? "image"}
        />
        {images.length > 0 && chosen !== undefined && (
          <PlatformTiles images={images} chosen={chosen} size={tag.size} />
        )}
        <ImageContents
          name={name}
          digest={chosen?.digest ?? tag.digest}
          isHere={chosen?.is_here ?? true}
        />
      </div>
      <aside class="stack" aria-label={words.label}>
        <Moves name={name} tag={tag.name} isImmutable={tag.is_immutable} />
        <section class="card o6" aria-labelledby="referrers">
          <header>
            <h2 id="referrers">{words.referrers}</h2>
          </header>
          <ReferrerList name={name} tag={tag} />
        </section>
      </aside>
    </div>
  );
}

function PlatformTiles({
  images,
  chosen,
  size,
}: {
  readonly images: readonly ImageAnswer[];
  readonly chosen: ImageAnswer;
  readonly size: number;
}) {
  return (
    <section class="card o2" aria-labelledby="platforms">
      <header>
        <h2 id="platforms">{words.platforms}</h2>
        <span class="end num">{words.platformCount(images.length, size)}</span>
      </header>
      <div class="body stack">
        <div class="tiles" role="radiogroup" aria-labelledby="platforms">
          {images.map((image) => {
            const { os, rest } = platformWords(image);
            return (
              <label class="tile" key={image.digest + platformKey(image)}>
                <input
                  type="radio"
                  name="platform"
                  checked={image === chosen}
                  onChange={() => setQuery({ platform: platformKey(image) }, { replace: true })}
                />
                <span class="os">
                  <Icon name={image.os === "windows" ? "windows" : "linux"} />
                  {os}
                </span>
                <span class="detail">{rest}</span>
                <span class="bytes num">
                  {image.is_here ? <Size bytes={image.size} /> : words.notStored}
                </span>
              </label>
            );
          })}
        </div>
        {images.length > 1 && <HostQuestion images={images} />}
      </div>
    </section>
  );
}

/** Says which image a host pulls, from its `docker version` or its Windows build. */
function HostQuestion({ images }: { readonly images: readonly ImageAnswer[] }) {
  const [text, setText] = useState("");
  const found = useMemo(() => imageForHost(images, text), [images, text]);
  return (
    <details>
      <summary>{words.hostLabel}</summary>
      <div class="field">
        <input
          class="input"
          aria-label={words.hostLabel}
          placeholder={words.hostHint}
          value={text}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            const image = imageForHost(images, currentTarget.value);
            if (image) setQuery({ platform: platformKey(image) }, { replace: true });
          }}
        />
        <span class="hint" role="status">
          {text !== "" &&
            (found === undefined
              ? words.hostNone
              : words.hostTakes(`${platformWords(found).os} ${platformWords(found).rest}`))}
        </span>
      </div>
    </details>
  );
}

/**
 * The image that a host pulls. Docker on Windows takes the image of its own build; with process isolation since build
 * 20348 also an older one from 20348 on, and with Hyper-V any older one.
 */
export function imageForHost(
  images: readonly ImageAnswer[],
  text: string,
): ImageAnswer | undefined {
  const build = /(?:10\.0[.\s(]*(?:Build\s*)?)?\b(1[4-9]\d{3}|2\d{4})\b/i.exec(text)?.[1];
  const isWindows = build !== undefined || /windows/i.test(text);
  const os = isWindows ? "windows" : "linux";
  const machine = /\b(?:arm64|aarch64)\b/i.test(text)
    ? "arm64"
    : /\barm\b|armv[67]/i.test(text)
      ? "arm"
      : /\b(?:386|i[36]86)\b/.test(text)
        ? "386"
        : "amd64";
  if (text.trim() === "" || (!isWindows && !/linux|amd64|x86_64|arm|aarch64|386|686/i.test(text)))
    return undefined;
  const fitting = images.filter((image) => image.os === os && image.architecture === machine);
  if (build === undefined) return fitting[0];
  const buildOfImage = (image: ImageAnswer) => Number(image.os_version?.split(".")[2] ?? 0);
  return fitting
    .filter((image) => buildOfImage(image) <= Number(build))
    .toSorted((a, b) => buildOfImage(b) - buildOfImage(a))[0];
}

function ImageContents({
  name,
  digest,
  isHere,
}: {
  readonly name: string;
  readonly digest: string;
  readonly isHere: boolean;
}) {
  const call = repositoryCall(name, `/-/manifests/${digest}`);
  const answer = useAnswer<ManifestAnswer>(isHere ? call : undefined);
  if (!isHere)
    return (
      <section class="card o3">
        <p class="empty-state">{words.notHere}</p>
      </section>
    );
  return (
    <Loaded answer={answer} url={call}>
      {(manifest) => (
        <>
          <Layers name={name} manifest={manifest} />
          <Configuration manifest={manifest} />
        </>
      )}
    </Loaded>
  );
}
