import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { refusal, run, tool } from "./support/command.ts";
import { digestOf, parseManifest } from "./support/registry-reader.ts";
import { startBerth } from "./support/berth.ts";
import { createScratch } from "./support/scratch.ts";

const berth = await startBerth();
const folder = createScratch("helm");
const helm = tool("helm", { env: { HOME: folder, DOCKER_CONFIG: folder }, cwd: folder });
const charts = `oci://${berth.host}/charts`;
const program = path.join(import.meta.dirname, "../../dist/main.js");
const berthOf = (...args: readonly string[]) =>
  run(process.execPath, [program, ...args, "--host", berth.host], { cwd: folder });

const chart = path.join(folder, "greeter");
mkdirSync(path.join(chart, "templates"), { recursive: true });
writeFileSync(path.join(chart, "values.yaml"), "greeting: hello\n");
writeFileSync(
  path.join(chart, "templates/greeting.yaml"),
  "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: greeting }\ndata: { text: {{ .Values.greeting }} }\n",
);

async function packageChart(version: string): Promise<string> {
  writeFileSync(
    path.join(chart, "Chart.yaml"),
    `apiVersion: v2\nname: greeter\nversion: ${version}\nappVersion: "7"\ndescription: greets\n`,
  );
  await helm("package", chart, "--destination", folder);
  return path.join(folder, `greeter-${version}.tgz`);
}

test("helm push stores a chart under its version with the digest that it prints", async () => {
  for (const version of ["1.0.0", "1.1.0", "1.2.0+build.7"]) {
    const file = await packageChart(version);
    const { stdout, stderr } = await helm("push", "--plain-http", file, charts);
    const digest = /Digest: (sha256:\S+)/.exec(stdout + stderr)?.[1];
    const stored = await berth.manifest("charts/greeter", version.replace("+", "_"));
    assert.equal(stored.digest, digest);
    const body = parseManifest(stored.bytes);
    assert.equal(body.config?.mediaType, "application/vnd.cncf.helm.config.v1+json");
    assert.equal(body.layers?.[0]?.digest, digestOf(readFileSync(file)));
  }
  assert.deepEqual(await berth.tags("charts/greeter"), ["1.0.0", "1.1.0", "1.2.0_build.7"]);
});

test("berth tag ls and show name a chart by its Chart.yaml", async () => {
  const { stdout: list } = await berthOf("tag", "ls", "charts/greeter");
  assert.match(list, /^1\.1\.0 .* Helm chart greeter 1\.1\.0 \(app 7\)$/m);
  const { stdout: shown } = await berthOf("tag", "show", "charts/greeter:1.1.0");
  assert.match(shown, /^content +Helm chart greeter 1\.1\.0 \(app 7\)\napp version +7$/m);
  assert.doesNotMatch(list + shown, /\?\/\?/);
});

test("helm pull writes the same archive", async () => {
  const target = path.join(folder, "pulled");
  mkdirSync(target);
  const version = ["--version", "1.0.0"];
  await helm("pull", "--plain-http", ...version, "--destination", target, `${charts}/greeter`);
  const pulled = readFileSync(path.join(target, "greeter-1.0.0.tgz"));
  assert.ok(pulled.equals(readFileSync(path.join(folder, "greeter-1.0.0.tgz"))));
});

test("helm finds the newest version in a range, and a version with a plus sign", async () => {
  const show = async (version: string): Promise<string> =>
    (await helm("show", "chart", "--plain-http", "--version", version, `${charts}/greeter`)).stdout;
  assert.match(await show("~1.1"), /^version: 1\.1\.0$/m);
  assert.match(await show("1.2.0+build.7"), /^version: 1\.2\.0\+build\.7$/m);
});

test("helm template renders a chart from the registry", async () => {
  const set = ["--set", "greeting=moin"];
  const { stdout } = await helm("template", "x", "--plain-http", ...set, `${charts}/greeter`);
  assert.match(stdout, /text: moin/);
});

test("helm pull of a missing chart version reports not found", async () => {
  const answer = await refusal(
    helm("pull", "--plain-http", "--version", "9.9.9", `${charts}/greeter`),
  );
  assert.match(answer, /not found/);
});
