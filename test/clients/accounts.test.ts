import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { adminPassword, startBerth, type Berth } from "./support/berth.ts";
import { refusal, run, tool, type Output } from "./support/command.ts";
import { startContainerd } from "./support/containerd.ts";
import { writeContainersSettings } from "./support/containers-settings.ts";
import { startDockerd } from "./support/dockerd.ts";
import { createLayoutArchive, writeOciLayout } from "./support/oci-layout.ts";
import { createPlatformIndex } from "./support/platform-index.ts";
import { createScratch } from "./support/scratch.ts";
import { createTarball } from "./support/tarball.ts";

/** How one client does what every client can do. */
interface Client {
  readonly login: (password: string) => Promise<unknown>;
  readonly logout: () => Promise<unknown>;
  readonly push: (image: string) => Promise<unknown>;
  readonly pull: (image: string) => Promise<unknown>;
  /** What it says when a pull is refused to a stranger. */
  readonly denied: RegExp;
}

const index = createPlatformIndex("oci", "http://127.0.0.1:1");
const scratch = createScratch("accounts");
const layout = path.join(scratch, "layout");
writeOciLayout(layout, "multi", index);
const archive = path.join(scratch, "image.tar");
writeFileSync(archive, createTarball([{ path: "greeting", content: "hello\n" }]));
const denied = /denied|unauthorized|authentication required|UNAUTHORIZED|insufficient_scope|401/i;

/** A folder of a client's own, which is its home. */
function home(name: string): string {
  const folder = path.join(scratch, name);
  mkdirSync(folder);
  return folder;
}

async function docker(
  engine: "dockerd" | "dockerd-containerd-store",
  host: string,
): Promise<Client> {
  const command = await startDockerd(engine);
  let imported = false;
  return {
    login: (password) => command("login", "-u", "admin", "-p", password, host),
    logout: () => command("logout", host),
    async push(image) {
      if (!imported) await command("import", archive, "greeting");
      imported = true;
      await command("tag", "greeting", image);
      await command("push", image);
    },
    async pull(image) {
      await command("rmi", image).catch(() => undefined);
      await command("pull", image);
    },
    // The words that people know, and search for.
    denied: /pull access denied(?: for \S+)?, repository does not exist or may require/,
  };
}

function podman(host: string): Client {
  const folder = home("podman");
  const podman = tool("podman", { cwd: folder, env: writeContainersSettings(folder) });
  let imported = false;
  return {
    login: (password) => podman("login", "-u", "admin", "-p", password, host),
    logout: () => podman("logout", host),
    async push(image) {
      if (!imported) await podman("import", archive, "localhost/greeting");
      imported = true;
      await podman("push", "localhost/greeting", image);
    },
    pull: (image) => podman("pull", image),
    denied,
  };
}

function skopeo(host: string): Client {
  const folder = home("skopeo");
  const env = { ...writeContainersSettings(folder), _CONTAINERS_ROOTLESS_UID: "65534" };
  const skopeo = tool("skopeo", { cwd: folder, env });
  return {
    login: (password) => skopeo("login", "-u", "admin", "-p", password, host),
    logout: () => skopeo("logout", host),
    push: (image) => skopeo("copy", "--all", `oci:${layout}:multi`, `docker://${image}`),
    pull: (image) => skopeo("copy", `docker://${image}`, `dir:${path.join(folder, "pulled")}`),
    denied,
  };
}

function crane(host: string): Client {
  const folder = home("crane");
  const crane = tool("crane", { env: { HOME: folder, DOCKER_CONFIG: folder } }, ["--insecure"]);
  return {
    // It only writes the password down.
    login: async (password) => {
      await crane("auth", "login", host, "-u", "admin", "-p", password);
      return crane("catalog", host);
    },
    logout: () => crane("auth", "logout", host),
    push: (image) => crane("push", layout, image),
    pull: (image) => crane("pull", image, path.join(folder, "pulled.tar")),
    denied,
  };
}

async function regctl(host: string): Promise<Client> {
  const folder = home("regctl");
  const env = { HOME: folder, DOCKER_CONFIG: folder, REGCTL_CONFIG: path.join(folder, "c.json") };
  const regctl = tool("regctl", { env, cwd: folder });
  await regctl("registry", "set", "--tls", "disabled", host);
  return {
    login: (password) => regctl("registry", "login", host, "-u", "admin", "-p", password),
    logout: () => regctl("registry", "logout", host),
    push: (image) => regctl("image", "copy", `ocidir://${layout}:multi`, image),
    // The layers of the Windows images lie elsewhere.
    pull: (image) => regctl("manifest", "get", "--platform", "linux/amd64", image),
    denied,
  };
}

function oras(host: string): Client {
  const folder = home("oras");
  const env = { HOME: folder, DOCKER_CONFIG: folder };
  const oras = (...args: string[]): Promise<Output> => run("oras", args, { env, cwd: folder });
  const login = ["login", "--plain-http", "-u", "admin", "-p"];
  return {
    login: (password) => oras(...login, password, host),
    logout: () => oras("logout", host),
    push: (image) => oras("cp", "--from-oci-layout", "--to-plain-http", `${layout}:multi`, image),
    pull: (image) => oras("manifest", "fetch", "--plain-http", image),
    denied,
  };
}

async function helm(host: string): Promise<Client> {
  const folder = home("helm");
  const helm = tool("helm", { env: { HOME: folder, DOCKER_CONFIG: folder }, cwd: folder });
  const login = ["registry", "login", "--plain-http", "-u", "admin", "-p"];
  await helm("create", "chart");
  const chart = (image: string): readonly [string, string, string] => {
    const [, namespace = "", name = ""] = image.replace(/:[^:/]+$/, "").split("/");
    return [`oci://${host}/${namespace}`, name, "1.0.0"];
  };
  return {
    login: (password) => helm(...login, password, host),
    logout: () => helm("registry", "logout", host),
    async push(image) {
      const [repository, name, version] = chart(image);
      const file = path.join(folder, "chart/Chart.yaml");
      writeFileSync(file, `apiVersion: v2\nname: ${name}\nversion: ${version}\n`);
      await helm("package", "chart");
      await helm("push", "--plain-http", `${name}-${version}.tgz`, repository);
    },
    pull(image) {
      const [repository, name, version] = chart(image);
      return helm("pull", "--plain-http", `${repository}/${name}`, "--version", version);
    },
    denied,
  };
}

/** containerd keeps no login: `ctr` is told in each command, after which `login` and `logout` say what it is told. */
async function containerd(host: string): Promise<Client> {
  const { ctr, hostsFor } = await startContainerd();
  const hosts = ["--hosts-dir", hostsFor(host, host)];
  const folder = home("ctr");
  let user: readonly string[] = [];
  return {
    async push(image) {
      const file = path.join(folder, "image.tar");
      writeFileSync(file, createLayoutArchive(index, image));
      await ctr("images", "import", "--no-unpack", "--all-platforms", file);
      await ctr("images", "push", ...hosts, ...user, image);
    },
    async pull(image) {
      const elsewhere = ["--namespace", `pulled-${Date.now()}`];
      await ctr(...elsewhere, "content", "fetch", ...hosts, ...user, image);
    },
    async login(password) {
      user = ["--user", `admin:${password}`];
      const image = `${host}/admin/nothing:1`;
      const said = await refusal(ctr("content", "fetch", ...hosts, ...user, image));
      if (!/not found/.test(said)) throw new Error(said);
    },
    async logout() {
      user = [];
    },
    denied,
  };
}

const clients: Readonly<Record<string, (host: string) => Client | Promise<Client>>> = {
  docker: (host) => docker("dockerd", host),
  "docker with containerd's store": (host) => docker("dockerd-containerd-store", host),
  ...{ podman, skopeo, crane, regctl, oras, helm, containerd },
};

const stages: { name: string; berth: Berth; client: Client }[] = [];
for (const [name, open] of Object.entries(clients)) {
  const berth = await startBerth({ open: false });
  stages.push({ name, berth, client: await open(berth.host) });
}

for (const { name, berth, client } of stages) {
  const { host } = berth;
  const image = `${host}/admin/private:1`;
  const open = `${host}/admin/open:1`;

  test(`${name} does not log in with a wrong password, and does with the right one`, async () => {
    const said = await refusal(client.login("wrong"));
    assert.match(said, /incorrect username or password|unauthorized|invalid username|401/i);
    await client.logout().catch(() => "some are not logged in after that, and say so");
    await client.login(adminPassword);
  });

  test(`${name} pushes a private image, and pulls it only while it is logged in`, async () => {
    await client.push(image);
    await client.logout();
    assert.match(await refusal(client.pull(image)), client.denied);
    const missing = client.pull(`${host}/admin/missing:1`);
    assert.match(await refusal(missing), client.denied);
    await client.login(adminPassword);
    await client.pull(image);
  });

  test(`${name} pulls a public image without a login, and may not push to it`, async () => {
    await client.push(open);
    await berth.berth("repo", "visibility", "admin/open", "public");
    await client.logout();
    await client.pull(open);
    // Under another tag: what is there already, some do not even try to push.
    const another = client.push(`${host}/admin/open:2`);
    assert.match(await refusal(another), denied);
  });
}
