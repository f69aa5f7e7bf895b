import process from "node:process";

/** How long a load runs before and after a fault. `npm run replicas -- --long` makes it longer, `--short` shorter. */
export const loadMs = Number(process.env["REPLICAS_SECONDS"] ?? 4) * 1_000;
