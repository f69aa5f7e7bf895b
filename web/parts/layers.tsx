import type { LayerSharingAnswer, ManifestAnswer } from "../../src/api/manifests.ts";
import { repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { tag as words } from "../words/tag.ts";
import { LayerBar, Swatch, type LayerKind } from "./charts.tsx";
import { Size } from "./text.tsx";

type LayerUse = LayerSharingAnswer["layers"][number];

const kindOf = (use: LayerUse | undefined): LayerKind =>
  use === undefined ? "shared" : use.repositories > 0 ? "base" : use.tags > 1 ? "shared" : "own";

const useText = ({ repositories, tags }: LayerUse): string => {
  if (repositories > 0) return words.inRepositories(repositories);
  return tags > 1 ? words.inTags(tags) : words.onlyHere;
};

/** `RUN` of `RUN apt-get update` stands out. */
function Instruction({ text }: { readonly text: string }) {
  const shown = visibleText(
    text
      .replace(/^\/bin\/sh -c #\(nop\)\s+/, "")
      .replace(/^\/bin\/sh -c /, "RUN ")
      .replace(/ # buildkit$/, ""),
  );
  const [, verb, rest] = /^([A-Z]+)\s([^]*)$/.exec(shown) ?? [undefined, "", shown];
  return (
    <code>
      <b>{verb}</b> {rest}
    </code>
  );
}

/** The steps that made an image, with the layers drawn by size and by where else they are used. */
export function Layers({
  name,
  manifest,
}: {
  readonly name: string;
  readonly manifest: ManifestAnswer;
}) {
  const { steps } = manifest;
  const layers = steps.flatMap(({ layer }) => (layer === null ? [] : [layer]));
  const { data } = useAnswer<LayerSharingAnswer>(
    layers.length === 0
      ? undefined
      : repositoryCall(name, `/-/manifests/${manifest.digest}/sharing`),
  );
  if (steps.length === 0) return null;
  const uses = new Map(data?.layers.map((use) => [use.digest, use]));
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  const largest = Math.max(1, ...layers.map(({ size }) => size));
  let number = 0;
  return (
    <section class="card o3" aria-labelledby="layers">
      <header>
        <h2 id="layers">{words.layers}</h2>
        <span class="end num">{words.layerCount(layers.length, bytes)}</span>
      </header>
      <div class="body stack">
        <LayerBar
          layers={layers.map(({ digest, size }) => ({ size, kind: kindOf(uses.get(digest)) }))}
          label={words.barLabel(bytes)}
        />
        {data && (
          <div class="key num">
            <span>
              <Swatch kind="base" />
              {words.elsewhere(data.bytes.elsewhere)}
            </span>
            <span>
              <Swatch kind="shared" />
              {words.here(data.bytes.here)}
            </span>
            <span>
              <Swatch kind="own" />
              {words.alone(data.bytes.alone)}
            </span>
          </div>
        )}
      </div>
      <table class="layers cards">
        <thead>
          <tr>
            <th class="n">{words.columns.number}</th>
            <th>{words.columns.createdBy}</th>
            <th>{words.columns.alsoIn}</th>
            <th class="r">{words.columns.size}</th>
          </tr>
        </thead>
        <tbody>
          {steps.map(({ instruction, layer }, index) => {
            if (layer !== null) number += 1;
            const use = layer === null ? undefined : uses.get(layer.digest);
            return layer === null ? (
              <tr class="empty" key={index}>
                <td class="n" />
                <td class="full">
                  <Instruction text={instruction} />
                </td>
                <td class="gone-small" />
                <td class="r sub gone-small">{words.noBytes}</td>
              </tr>
            ) : (
              <tr key={index}>
                <td class="n num">{number}</td>
                <td class="full">
                  <Instruction text={instruction === "" ? layer.digest : instruction} />
                  {layer.urls.map((url) => (
                    <span class="sub" key={url}>
                      {words.foreign(URL.canParse(url) ? new URL(url).host : visibleText(url))}
                    </span>
                  ))}
                </td>
                <td class="nw">
                  {use && (
                    <>
                      <Swatch kind={kindOf(use)} /> <span class="sub">{useText(use)}</span>
                    </>
                  )}
                </td>
                <td class="r num nw">
                  <Size bytes={layer.size} />
                  <svg
                    class="bar"
                    viewBox="0 0 100 6"
                    preserveAspectRatio="none"
                    aria-hidden="true"
                  >
                    <rect class="track" width="100" height="6" rx="3" />
                    <rect
                      class={`c-${kindOf(use)}`}
                      width={Math.max(1, (100 * layer.size) / largest)}
                      height="6"
                      rx="3"
                    />
                  </svg>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
