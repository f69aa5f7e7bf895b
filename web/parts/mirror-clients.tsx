import { useState } from "preact/hooks";
import { useSession } from "../session.ts";
import { mirrors as words } from "../words/mirrors.ts";
import { Block } from "./copy.tsx";

type Client = keyof typeof words.clientNames;

/** Files that make a client use the mirror, with this host in them. */
function settingsOf(client: Client, host: string, namespace: string, upstream: string): string {
  const origin = `${location.protocol}//${host}`;
  const isPlain = location.protocol === "http:";
  switch (client) {
    case "dockerd":
      return `# /etc/docker/daemon.json (images of Docker Hub, from a mirror with root: true)\n${JSON.stringify({ "registry-mirrors": [origin] }, null, 2)}`;
    case "containerd":
      return `# /etc/containerd/certs.d/${namespace}/hosts.toml\nserver = "${upstream}"\n\n[host."${origin}"]\n  capabilities = ["pull", "resolve"]`;
    case "podman":
      return `# /etc/containers/registries.conf\n[[registry]]\nlocation = "${namespace}"\n\n[[registry.mirror]]\nlocation = "${host}/${namespace}"${isPlain ? "\ninsecure = true" : ""}`;
    case "prefix":
      return `docker pull ${host}/${namespace}/library/alpine`;
  }
}

/** How each client uses a mirror. */
export function MirrorClients({
  namespace,
  upstream,
}: {
  readonly namespace: string;
  readonly upstream: string;
}) {
  const { host } = useSession();
  const [client, setClient] = useState<Client>("prefix");
  return (
    <section class="card" aria-labelledby="clients">
      <header>
        <h2 id="clients">{words.clients}</h2>
        <span class="end">
          <div class="seg" role="group" aria-label={words.clients}>
            {(Object.keys(words.clientNames) as Client[]).map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={one === client}
                onClick={() => setClient(one)}
              >
                {words.clientNames[one]}
              </button>
            ))}
          </div>
        </span>
      </header>
      <div class="body">
        <Block text={settingsOf(client, host, namespace, upstream)} />
      </div>
    </section>
  );
}
