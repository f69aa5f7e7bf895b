import type { Config } from "./config/schema.ts";
import type { PushRules } from "./metadata/repository-creation.ts";

/** What a configuration says of pushes, as the commands of the database take it. */
export function pushRules({ repositories, quotas }: Config): PushRules {
  return { ...repositories, defaultQuotaBytes: quotas.default ?? null };
}
