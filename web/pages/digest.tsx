import type { ManifestAnswer } from "../../src/api/manifests.ts";
import { digestAddress, fullName, repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest, visibleText } from "../format.ts";
import { Configuration } from "../parts/configuration.tsx";
import { lazy } from "../parts/lazy.tsx";
import { Layers } from "../parts/layers.tsx";
import { ManifestText } from "../parts/manifest-text.tsx";
import { PageHead } from "../parts/page-head.tsx";
import { PullCard } from "../parts/pull-card.tsx";
import { TagTitle } from "../parts/tag-head.tsx";
import { Digest, Since, Size } from "../parts/text.tsx";
import { useParams } from "../router.ts";
import { digest as words } from "../words/repository-pages.ts";
import { FirstAnswer } from "./not-found.tsx";

const Attached = lazy(async () => (await import("../attached/attached.tsx")).Attached);

/** Whether a manifest may be a signature, an SBOM or provenance: it refers to an image, or its layers are no archives. */
const hasDocuments = ({ kind, subject, steps }: ManifestAnswer): boolean =>
  kind === "image" &&
  steps.some(({ layer }) => layer !== null && (subject !== null || !/tar/.test(layer.media_type)));

/** A manifest by its digest: an image of an index, a referrer, or what a removed tag pointed at. */
export function Page() {
  const { name: asked = "", digest = "" } = useParams();
  const name = fullName(asked);
  const call = repositoryCall(name, `/-/manifests/${digest}`);
  const answer = useAnswer<ManifestAnswer>(call);
  return (
    <FirstAnswer answer={answer} call={call}>
      {(data) => (
        <>
          <PageHead
            title={<TagTitle name={name} separator="@" reference={shortDigest(digest)} />}
            label={words.label}
            tabs={[]}
            lede={<Digest digest={digest} />}
          />
          <main id="main" class="wrap">
            <div class="cols">
              <div class="stack">
                <PullCard
                  name={name}
                  references={[`${name}@${digest}`]}
                  isPrivate={false}
                  type={data.kind === "image" && data.config === null ? "unrecognized" : "image"}
                />
                {hasDocuments(data) && <Attached name={name} digest={digest} />}
                {data.config !== null && <Layers name={name} manifest={data} />}
                <Configuration manifest={data} />
                <ManifestText name={name} digest={digest} />
              </div>
              <aside class="stack" aria-label={words.facts}>
                <section class="card">
                  <div class="body">
                    <dl class="facts">
                      <dt>{words.pushed}</dt>
                      <dd>
                        <Since time={data.pushed_at} />
                      </dd>
                      <dt>{words.size}</dt>
                      <dd>
                        <Size bytes={data.size} />
                      </dd>
                      {data.subject !== null && (
                        <>
                          <dt>{words.subject}</dt>
                          <dd>
                            <a class="link mono" href={digestAddress(name, data.subject)}>
                              {visibleText(shortDigest(data.subject))}
                            </a>
                          </dd>
                        </>
                      )}
                    </dl>
                  </div>
                </section>
              </aside>
            </div>
          </main>
        </>
      )}
    </FirstAnswer>
  );
}
