/**
 * `node --import ./test/support/register.mjs bench/pages.ts [--zui FOLDER] [--url URL --repository NAME --password
 * PASSWORD] [--rounds N] [--network fast]`: bytes and time until the rows of pages are visible in Chromium, with an empty
 * cache, on a fast and on a slow network (150 ms, 1.6 Mbit/s, a processor four times slower). `--zui` adds the built pages
 * of zot (`npm ci && npm run build` in github.com/project-zot/zui). `--url` measures every page of a Berth that runs
 * already on the data of `npm run seed`; with the password of `admin`, after it has pushed two images to the repository,
 * also those of administrators.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { passwordClient, pushIndex, serviceImages } from "../test/browser/support/content.ts";
import { startBerth } from "./support/berth.ts";
import { commonPages, everyPage, pushVersions } from "./pages/every-page.ts";
import { compare, networks, type Site } from "./pages/measure.ts";
import { portOf, startZui } from "./pages/zui.ts";

const { values } = parseArgs({
  options: {
    zui: { type: "string" },
    url: { type: "string" },
    repository: { type: "string", default: "acme/proxy-api-n0" },
    password: { type: "string" },
    rounds: { type: "string", default: "5" },
    network: { type: "string" },
  },
});
const plan = {
  rounds: Number(values.rounds),
  on: (Object.keys(networks) as (keyof typeof networks)[]).filter(
    (name) => values.network === undefined || name === values.network,
  ),
};

async function compareWithZui(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "berth-pages-"));
  const berth = await startBerth({ data: folder });
  const versions = ["2.8.1", "2.8.0", "2.7.4", "2.7.3", "2.7.2"];
  const client = { url: berth.url, authorization: undefined };
  const repositories = Array.from({ length: 25 }, (_, index) => `admin/service-${index}`);
  const sites: Site[] = [
    { name: "berth", url: berth.url, pages: commonPages("admin/service-0", versions[0] ?? "") },
  ];
  try {
    for (const repository of repositories)
      for (const version of repository === repositories[0] ? versions : versions.slice(0, 1))
        await pushIndex(client, repository, version, serviceImages(version, 0.001));
    if (values.zui !== undefined) {
      const [image] = serviceImages("2.8.1", 0.001);
      const layers = (image?.steps ?? []).map(([command, size]) => ({ command, size }));
      const zui = await startZui(values.zui, { repositories, tags: versions, layers });
      // zui decodes the name twice.
      const repository = encodeURIComponent(encodeURIComponent(repositories[0] ?? ""));
      sites.push({
        name: "zui",
        url: `http://127.0.0.1:${portOf(zui)}`,
        pages: {
          explore: ["/explore", "text=service-0"],
          // Its tags are behind a tab: the heading stands for them.
          repository: [`/image/${repository}`, "text=service-0"],
        },
      });
    }
    await compare(sites, plan);
  } finally {
    await berth.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureRunning(url: string): Promise<void> {
  const { repository, password } = values;
  const user = password === undefined ? undefined : { username: "admin", password };
  const client =
    user === undefined
      ? { url, authorization: undefined }
      : passwordClient(url, user.username, user.password);
  const digest = await pushVersions(client, repository);
  const pages = everyPage(repository, digest, user !== undefined);
  await compare([{ name: "berth", url, pages, user }], plan);
}

if (values.url === undefined) await compareWithZui();
else await measureRunning(values.url);
process.exit(0);
