/**
 * What webhooks cost a push: the CPU time of the server per push, without a webhook and with one whose deliveries are sent
 * meanwhile, beside another build (`--before FOLDER`, its dist/main.js). Prints ratios, which other load disturbs least.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import { cpuSecondsOf } from "./support/processes.ts";
import { startServer, type RunningServer } from "./servers/program.ts";
import { formatTable, medianOf } from "./support/table.ts";

const { values: options } = parseArgs({
  options: {
    before: { type: "string" },
    pushes: { type: "string", default: "1000" },
    rounds: { type: "string", default: "7" },
  },
});
const pushes = Number(options.pushes);
const clients = 8;
const mediaType = "application/vnd.oci.image.index.v1+json";
const root = path.join(import.meta.dirname, "..");

interface Contender {
  readonly name: string;
  readonly program: string;
  readonly hasWebhook: boolean;
}

let told = 0;
const receiver = createServer((request, response) => {
  request.resume().on("end", () => {
    told += 1;
    response.writeHead(204).end();
  });
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;

async function start(contender: Contender, folder: string): Promise<RunningServer> {
  const main = path.join(contender.program, "dist/main.js");
  const env = { BERTH_WEBHOOKS_ALLOWED_NETWORKS: "127.0.0.0/8", BERTH_LOG_LEVEL: "error" };
  const data = path.join(folder, "data");
  const own = contender.hasWebhook ? env : { BERTH_LOG_LEVEL: "error" };
  const running = await startServer(
    {
      ...{ name: contender.name, version: "" },
      program: (_folder, port) => ({
        command: process.execPath,
        args: [main, "serve", "--open", "--data", data, "--listen", `127.0.0.1:${port}`],
        env: own,
      }),
    },
    folder,
  );
  if (contender.hasWebhook)
    execFileSync(
      process.execPath,
      [main, "webhook", "create", url, "--events", "push", "--data", data],
      { env: { PATH: process.env["PATH"], ...env }, stdio: "ignore" },
    );
  return running;
}

let sequence = 0;
/** Pushes manifests, each to a tag of its own, and waits until all are told. Resolves with the seconds of CPU per push. */
async function measure({ host, pid }: RunningServer, { hasWebhook }: Contender): Promise<number> {
  told = 0;
  const before = cpuSecondsOf(pid);
  let left = pushes;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const at = (sequence += 1);
      const answer = await fetch(`http://${host}/v2/bench/app/manifests/t${at % 100}`, {
        method: "PUT",
        headers: { "Content-Type": mediaType },
        body: JSON.stringify({
          ...{ schemaVersion: 2, mediaType, manifests: [], annotations: { at: `${at}` } },
        }),
      });
      if (answer.status !== 201) throw new Error(`a push was answered ${answer.status}`);
      await answer.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  while (hasWebhook && told < pushes) await pause(20);
  return (cpuSecondsOf(pid) - before) / pushes;
}

const contenders: readonly Contender[] = [
  ...(options.before === undefined
    ? []
    : [{ name: "before", program: path.resolve(options.before), hasWebhook: false }]),
  { name: "no webhook", program: root, hasWebhook: false },
  { name: "one webhook, with its deliveries", program: root, hasWebhook: true },
];
const running = [];
try {
  for (const contender of contenders) {
    const folder = mkdtempSync(path.join(tmpdir(), "berth-bench-"));
    running.push({ contender, folder, server: await start(contender, folder) });
  }
  const seconds = contenders.map((): number[] => []);
  // The first round warms up.
  for (let round = 0; round <= Number(options.rounds); round += 1)
    for (const [at, { contender, server }] of running.entries()) {
      const cost = await measure(server, contender);
      if (round > 0) seconds[at]?.push(cost);
    }
  const rows = contenders.map(({ name }, at) => {
    const ratios = (seconds[at] ?? []).map((cost, round) => cost / (seconds[0]?.[round] ?? cost));
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    return [name, medianOf(ratios).toFixed(2), `${least.toFixed(2)} to ${most.toFixed(2)}`];
  });
  console.log(formatTable(["CPU time of a push", "ratio", "of the rounds"], rows));
} finally {
  for (const { server, folder } of running) {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  receiver.close();
}
