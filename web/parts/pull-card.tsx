import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { shortName } from "../addresses.ts";
import { store, stored } from "../choices.ts";
import { isPlainHttp, useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { pull } from "../words/pull.ts";
import { Block, Prompt } from "./copy.tsx";

export type Client = "docker" | "podman" | "containerd" | "Kubernetes" | "skopeo" | "helm" | "oras";

/** The clients that can pull a type of content. */
export function clientsFor(type: string): readonly Client[] {
  if (type === "helm") return ["helm", "oras"];
  if (type === "image" || type === "")
    return ["docker", "podman", "containerd", "Kubernetes", "skopeo"];
  return ["oras", "skopeo"];
}

/** What a client is told to pull an image: a command, or a file. */
export function pullText(client: Client, reference: string, isPlainHttp: boolean): string {
  switch (client) {
    case "docker":
      return `docker pull ${reference}`;
    case "podman":
      return `podman pull ${isPlainHttp ? "--tls-verify=false " : ""}${reference}`;
    case "containerd":
      return `ctr images pull ${isPlainHttp ? "--plain-http " : ""}${reference}`;
    case "skopeo":
      return `skopeo copy ${isPlainHttp ? "--src-tls-verify=false " : ""}docker://${reference} oci:image`;
    case "oras":
      return `oras pull ${isPlainHttp ? "--plain-http " : ""}${reference}`;
    case "helm": {
      const [name = "", version] = reference.includes("@")
        ? [reference]
        : reference.split(/:(?=[^/]*$)/);
      return `helm pull ${isPlainHttp ? "--plain-http " : ""}oci://${name}${version === undefined ? "" : ` --version ${version}`}`;
    }
    case "Kubernetes":
      return `image: ${reference}\nimagePullPolicy: IfNotPresent`;
  }
}

/** The pull commands of one or more references, for the client that the user chose last. */
export function PullCard({
  name,
  references,
  isPrivate,
  type = "image",
  children,
}: {
  readonly name: string;
  /** With tag or digest, without the host; the first one is the main one. */
  readonly references: readonly string[];
  readonly isPrivate: boolean;
  readonly type?: string;
  readonly children?: ComponentChildren;
}) {
  const { host } = useSession();
  const clients = clientsFor(type);
  const [chosen, setChosen] = useState(stored("client"));
  const client = clients.find((one) => one === chosen) ?? clients[0] ?? "docker";
  const isPlain = isPlainHttp();
  return (
    <section class="card pull o1" aria-labelledby="pull">
      <header>
        <h2 id="pull">{pull.title}</h2>
        {children}
        <span class="end">
          <div class="seg" role="group" aria-label={pull.client}>
            {clients.map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={one === client}
                onClick={() => {
                  setChosen(one);
                  store("client", one);
                }}
              >
                {one}
              </button>
            ))}
          </div>
        </span>
      </header>
      <div class="body stack">
        {references.map((reference, index) => {
          const short = shortName(name) + reference.slice(name.length);
          const text = pullText(client, `${host}/${short}`, isPlain);
          return client === "Kubernetes" ? (
            <Block key={reference} text={text} />
          ) : (
            <Prompt key={reference} command={text} main={index === 0} />
          );
        })}
        {isPrivate && (
          <p class="sub">
            {pull.loginFirst}{" "}
            <a class="link" href={`/settings/tokens?for=${encodeURIComponent(name)}`}>
              {pull.makeToken}
            </a>
          </p>
        )}
        {isPlain && client === "docker" && <p class="sub">{parts.plainHttp(host)}</p>}
      </div>
    </section>
  );
}
