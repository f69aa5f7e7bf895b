import http from "node:http";

export interface Health {
  readonly answers: number;
  readonly failures: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const everyMs = 20;

/**
 * Requests /healthz at a fixed rate and does not wait for earlier responses. This measures how long the event loop
 * delays a request. `end` resolves with the results.
 */
export function watchHealth(url: string): { readonly end: () => Promise<Health> } {
  const agent = new http.Agent({ keepAlive: true });
  const times: number[] = [];
  const running = new Set<Promise<void>>();
  let failures = 0;

  const ask = async (): Promise<void> => {
    const begunAtMs = performance.now();
    const status = await statusOf(`${url}/healthz`, agent);
    if (status === 200) times.push(performance.now() - begunAtMs);
    else failures += 1;
  };
  const timer = setInterval(() => {
    const asked = ask().finally(() => running.delete(asked));
    running.add(asked);
  }, everyMs);

  return {
    end: async () => {
      clearInterval(timer);
      await Promise.all(running);
      agent.destroy();
      const sorted = times.toSorted((one, other) => one - other);
      const at = (part: number): number => sorted[Math.floor(part * (sorted.length - 1))] ?? NaN;
      return {
        answers: times.length,
        failures,
        p50Ms: at(0.5),
        p99Ms: at(0.99),
        maxMs: at(1),
      };
    },
  };
}

/** The status of a GET; 0 if there was no response. */
export function statusOf(url: string, agent?: http.Agent): Promise<number> {
  return new Promise((resolve) => {
    http
      .get(url, { ...(agent && { agent }) }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      })
      .on("error", () => resolve(0));
  });
}
