import type { ComponentChildren } from "preact";
import type { ManifestAnswer } from "../../src/api/manifests.ts";
import { visibleText } from "../format.ts";
import { tag as words } from "../words/tag.ts";
import { Since } from "./text.tsx";

const linesOf = (texts: readonly string[]): ComponentChildren =>
  texts.map((text, index) => (
    <>
      {index > 0 && <br />}
      {visibleText(text)}
    </>
  ));

/** A label whose value is a web address is a link. */
function Labels({ labels }: { readonly labels: Readonly<Record<string, string>> }) {
  return (
    <>
      {Object.entries(labels).map(([key, value], index) => (
        <>
          {index > 0 && <br />}
          {visibleText(key)}=
          {/^https?:\/\/\S+$/.test(value) && URL.canParse(value) ? (
            <a class="link" href={value} rel="nofollow ugc noopener noreferrer">
              {visibleText(value)}
            </a>
          ) : (
            visibleText(value)
          )}
        </>
      ))}
    </>
  );
}

/** How an image runs: the fields of its configuration that have a value. */
export function Configuration({ manifest }: { readonly manifest: ManifestAnswer }) {
  const { config, annotations, artifact_type: artifactType } = manifest;
  const rows: [string, ComponentChildren][] = [];
  const add = (label: string, texts: readonly string[] | null | undefined, joined = false) => {
    if (texts != null && texts.length > 0 && texts[0] !== "")
      rows.push([label, joined ? visibleText(texts.join(" ")) : linesOf(texts)]);
  };
  if (artifactType !== null && config === null) add(words.artifactType, [artifactType]);
  if (config !== null) {
    add(words.fields.entrypoint, config.entrypoint, true);
    add(words.fields.cmd, config.cmd, true);
    add(words.fields.user, [config.user]);
    add(words.fields.working_dir, [config.working_dir]);
    add(words.fields.ports, config.ports);
    add(words.fields.volumes, config.volumes);
    add(words.fields.stop_signal, config.stop_signal === null ? [] : [config.stop_signal]);
    add(words.fields.env, config.env);
    if (Object.keys(config.labels).length > 0)
      rows.push([words.fields.labels, <Labels labels={config.labels} />]);
  }
  if (annotations !== null && Object.keys(annotations).length > 0)
    rows.push([words.fields.annotations, <Labels labels={annotations} />]);
  if (rows.length === 0) return null;
  return (
    <section class="card o5" aria-labelledby="configuration">
      <header>
        <h2 id="configuration">{words.configuration}</h2>
        {config?.created != null && (
          <span class="end sub">
            <span>
              {words.built} <Since time={config.created} />
            </span>
          </span>
        )}
      </header>
      <dl class="env">
        {rows.map(([label, value]) => (
          <>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}
