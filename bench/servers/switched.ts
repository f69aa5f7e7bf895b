import { EventEmitter } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { pino } from "pino";
import type * as appModule from "../../src/app/server-app.ts";
import * as configModule from "../../src/config/load.ts";
import type * as loggerModule from "../../src/observability/logger.ts";
import { ProcessMetrics } from "../../src/observability/process-metrics.ts";
import { startServer, type RunningServer } from "../../src/server/start-server.ts";

/** A registry of this process. */
export interface Setting {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
  /** The folder of the sources and their packages. */
  readonly checkout: string;
}

/**
 * Registries of this process, on copies of one data folder, behind one listening server. It passes all requests to one of
 * them at a time. Two processes with the same settings differ by up to 20 % in their whole life; these share the compiled
 * code and the connections.
 */
export class SwitchedServer {
  readonly #folder: string;
  readonly #apps = new Map<string, appModule.ServerApp>();
  /** The folder of the bundles of each checkout. */
  readonly #bundles = new Map<string, string>();
  #server: RunningServer | undefined;
  #current: appModule.ServerApp | undefined;
  #received = 0;

  /** @param folder of all data folders and logs */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${this.#server?.port}`;
  }

  /** All requests until now. */
  get received(): number {
    return this.#received;
  }

  /**
   * Opens the registries.
   * @param oldest the one that makes the data folder, because newer programs open it too
   * @param fill sends the requests that fill it
   */
  async start(
    settings: readonly Setting[],
    oldest: Setting,
    fill: () => Promise<void>,
  ): Promise<void> {
    const filled = path.join(this.#folder, "filled");
    const first = await this.#open(oldest, filled);
    this.#current = first;
    this.#server = await this.#listen(first);
    await fill();
    await first.close();
    for (const setting of settings) {
      const data = path.join(this.#folder, setting.name);
      cpSync(filled, data, { recursive: true });
      this.#current = await this.#open(setting, data);
      this.#apps.set(setting.name, this.#current);
    }
  }

  /** Passes the next requests to a registry. */
  use(name: string): void {
    this.#current = this.#apps.get(name);
  }

  async close(): Promise<void> {
    this.#server?.drain();
    await this.#server?.ended;
    for (const app of this.#apps.values()) await app.close();
    for (const folder of this.#bundles.values()) rmSync(folder, { recursive: true });
  }

  /** Opens a registry as `berth serve` does. Its log is a file. */
  async #open({ name, flags, checkout }: Setting, data: string): Promise<appModule.ServerApp> {
    const bundles = this.#bundles.get(checkout) ?? (await bundle(checkout));
    this.#bundles.set(checkout, bundles);
    const [{ loadConfig }, { createLogger }, { openServerApp }] = (await Promise.all(
      modules.map((file) => import(path.join(bundles, `${path.basename(file, ".ts")}.js`))),
    )) as [typeof configModule, typeof loggerModule, typeof appModule];
    const { config } = await demand(loadConfig({ flags: { data, ...flags }, env: {} }));
    const log = pino.destination({ dest: path.join(this.#folder, `${name}.log`), sync: false });
    return openServerApp(config, createLogger(config.log, log));
  }

  async #listen(app: appModule.ServerApp): Promise<RunningServer> {
    const flags = { data: this.#folder, listen: "127.0.0.1:0" };
    const { config } = await demand(configModule.loadConfig({ flags, env: {} }));
    const switched: appModule.ServerApp = {
      ...app,
      // A commit before the metrics has none.
      metrics: new ProcessMetrics(),
      handle: (request, response) => {
        this.#received += 1;
        this.#current?.handle(request, response);
      },
      close: async () => undefined,
    };
    const signals = new EventEmitter();
    return startServer(config, switched, pino({ level: "silent" }), { signals });
  }
}

const modules = ["src/config/load.ts", "src/observability/logger.ts", "src/app/server-app.ts"];

/**
 * Compiles the modules and the threads of a checkout as `npm run build` does: the loader of this program names each function
 * when it is made, which takes a third of the time of a manifest GET.
 */
async function bundle(checkout: string): Promise<string> {
  const cache = path.join(checkout, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  const outdir = mkdtempSync(path.join(cache, "bench-"));
  const threads = ["src", "storage"].flatMap((folder) =>
    readdirSync(path.join(checkout, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith("-thread.ts"))
      .map((file) => path.join(folder, file)),
  );
  const common = { absWorkingDir: checkout, outdir, entryNames: "[name]", bundle: true };
  const shape = {
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
  } as const;
  await build({ ...common, ...shape, entryPoints: modules, splitting: true });
  await build({ ...common, ...shape, entryPoints: threads });
  return outdir;
}

async function demand(loading: Promise<configModule.LoadedConfig>) {
  const loaded = await loading;
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded;
}
