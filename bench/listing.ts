/**
 * Lists and searches of a large registry: `node … bench/listing.ts --data FOLDER`, on what `npm run seed` has made. Each
 * by 16 clients; the figures are milliseconds of one request, and memory of the server. Where others use the machine,
 * CPU is the figure to go by: what the server itself spends on one.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { Agent, request } from "node:http";
import { commonWord, rareWord, usualWord } from "./listing/names.ts";
import { largest } from "./listing/fill.ts";
import { memoryOf, startBerth } from "./support/berth.ts";
import { cpuSecondsOf } from "./support/processes.ts";
import { formatTable, inMiB } from "./support/table.ts";

const clients = 16;
const { values } = parseArgs({
  options: {
    data: { type: "string", default: "./data" },
    seconds: { type: "string", default: "3" },
  },
});
const eachMs = Number(values.seconds) * 1000;
const berthApi = "/api/berth/v1";
const tagsOf = `${berthApi}/repositories/${largest}/-/tags`;

/** A path to ask for, or one that follows from the last answer: a walk, begun again at its end. */
type Next = (
  last: { readonly body: string; readonly link: string | undefined } | undefined,
) => string;
const always =
  (path: string): Next =>
  () =>
    path;
const walk =
  (path: string): Next =>
  (last) =>
    /<([^>]+)>/.exec(last?.link ?? "")?.[1] ?? path;
const pages: Readonly<Record<string, Next>> = {
  "repositories, first page": always(`${berthApi}/repositories?page_size=100`),
  "repositories, page 500": always(`${berthApi}/repositories?page_size=100&last=org0499/zzz`),
  "repositories of a namespace": always(`${berthApi}/repositories?namespace=org0500&page_size=100`),
  "tags of 100,000, first page": always(`${tagsOf}?page_size=100`),
  "tags of 100,000, in the middle": always(`${tagsOf}?page_size=100&last=4.50.50`),
  "tags/list of 100,000, walk": walk(`/v2/${largest}/tags/list?n=100`),
  "_catalog, walk": walk("/v2/_catalog?n=100"),
  [`/v1/search ${commonWord} (every repository)`]: always(`/v1/search?q=${commonWord}`),
  [`/v1/search ${usualWord} (one in 25)`]: always(`/v1/search?q=${usualWord}`),
  [`/v1/search ${rareWord} (one)`]: always(`/v1/search?q=${rareWord}`),
  "/v1/search c (a letter)": always("/v1/search?q=c"),
  "/v1/search nothing": always("/v1/search?q=qqqq"),
  "search, page 90": always(`/v2/search/repositories/?query=${commonWord}&page_size=100&page=90`),
  "search windows amd64": always(
    `${berthApi}/search?query=${commonWord}&os=windows&architecture=amd64`,
  ),
};

function ask(agent: Agent, url: string) {
  return new Promise<{ status: number; body: string; link: string | undefined }>(
    (resolve, reject) => {
      request(url, { agent }, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (text: string) => (body += text));
        response.on("end", () => {
          const { link } = response.headers;
          const first = Array.isArray(link) ? link[0] : link;
          resolve({ status: response.statusCode ?? 0, body, link: first });
        });
      })
        .on("error", reject)
        .end();
    },
  );
}

async function measure(url: string, next: Next): Promise<readonly number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const times: number[] = [];
  const until = performance.now() + eachMs;
  const client = async (): Promise<void> => {
    let last: Awaited<ReturnType<typeof ask>> | undefined;
    while (performance.now() < until) {
      const begun = performance.now();
      last = await ask(agent, new URL(next(last), url).href);
      times.push(performance.now() - begun);
      if (last.status !== 200) throw new Error(`${last.status}: ${last.body}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return times.toSorted((a, b) => a - b);
}

const berth = await startBerth({ data: values.data });
try {
  const idle = memoryOf(berth.pid, "VmRSS");
  const rows: string[][] = [];
  for (const [name, next] of Object.entries(pages)) {
    const alone = performance.now();
    await ask(new Agent(), new URL(next(undefined), berth.url).href);
    const first = performance.now() - alone;
    const used = cpuSecondsOf(berth.pid);
    const times = await measure(berth.url, next);
    const cpuMs = ((cpuSecondsOf(berth.pid) - used) * 1000) / times.length;
    const at = (part: number): string => (times[Math.floor(times.length * part)] ?? NaN).toFixed(1);
    rows.push([
      ...[
        name,
        first.toFixed(1),
        at(0.5),
        at(0.99),
        cpuMs.toFixed(2),
        String(Math.round((times.length * 1000) / eachMs)),
      ],
      inMiB(memoryOf(berth.pid, "VmRSS")),
    ]);
  }
  const heads = ["", "first, ms", "p50, ms", "p99, ms", "CPU, ms", "requests/s", "RSS"];
  process.stdout.write(`${formatTable(heads, rows)}\n\nRSS at the start: ${inMiB(idle)}\n`);
} finally {
  await berth.stop();
}
