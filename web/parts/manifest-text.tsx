import type { ManifestAnswer } from "../../src/api/manifests.ts";
import { digestAddress, repositoryCall } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { shortDigest, visibleText } from "../format.ts";
import { parts } from "../words/frame.ts";
import { tag as words } from "../words/tag.ts";
import { CopyButton } from "./copy.tsx";
import { Loaded } from "./states.tsx";
import { Size } from "./text.tsx";

/** The exact text of a manifest, with links to the manifests that it names. */
export function ManifestText({ name, digest }: { readonly name: string; readonly digest: string }) {
  const call = repositoryCall(name, `/-/manifests/${digest}`);
  const answer = useAnswer<ManifestAnswer>(call);
  return (
    <Loaded answer={answer} url={call}>
      {(manifest) => (
        <section class="card" aria-labelledby="manifest">
          <header>
            <h2 id="manifest">{words.manifest}</h2>
            <span class="end">
              <span class="mono sub">{visibleText(manifest.media_type)}</span>
              <Size bytes={manifest.size} />
              {manifest.raw !== null && <CopyButton text={manifest.raw} label={parts.copy} />}
            </span>
          </header>
          {manifest.children.length > 0 && (
            <ul class="list">
              {manifest.children.slice(0, 50).map((child) => (
                <li key={child.digest}>
                  <a class="link mono" href={digestAddress(name, child.digest)}>
                    {shortDigest(child.digest)}
                  </a>
                  <span class="sub">
                    {child.platform === null
                      ? visibleText(child.media_type)
                      : `${child.platform.os}/${child.platform.architecture} ${child.platform.os_version ?? ""}`}
                  </span>
                  <span class="end sub">
                    <Size bytes={child.size} />
                  </span>
                </li>
              ))}
            </ul>
          )}
          {manifest.raw !== null && (
            <div class="body">
              <pre class="block wrapped" tabIndex={0}>
                {manifest.raw}
              </pre>
            </div>
          )}
        </section>
      )}
    </Loaded>
  );
}
