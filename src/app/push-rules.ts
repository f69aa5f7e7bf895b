import type { Config } from "../config/schema.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { UploadLimits } from "../registry/uploads/reservations.ts";

/** What a configuration says of uploads. */
export function uploadLimits({ limits }: Config): UploadLimits {
  return { blobBytes: limits.blobSize, sessionsPerAccount: limits.uploadsPerAccount };
}

/** What a configuration says of pushes, as the commands of the database take it. */
export function pushRules({ repositories, quotas }: Config): PushRules {
  return { ...repositories, defaultQuotaBytes: quotas.default ?? null };
}
