import type { Config } from "../config/schema.ts";
import type { PushRules } from "../database/registry/repository-creation.ts";
import type { UploadLimits } from "../registry/uploads/uploads.ts";

/** The limits of uploads in the configuration. */
export function uploadLimits({ limits }: Config): UploadLimits {
  return { blobBytes: limits.blobSize, sessionsPerAccount: limits.uploadsPerAccount };
}

/** The rules of pushes in the configuration, as input of database commands. */
export function pushRules({ repositories, quotas }: Config): PushRules {
  return { ...repositories, defaultQuotaBytes: quotas.default ?? null };
}
