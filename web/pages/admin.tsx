import type { ComponentType } from "preact";
import type { PageName } from "../addresses.ts";
import { lazy } from "../parts/lazy.tsx";
import { usePlace } from "../router.ts";

const part = (load: () => Promise<ComponentType>) => lazy(load, { isQuiet: false });

const Overview = part(async () => (await import("../parts/admin-overview.tsx")).Overview);
const parts: Partial<Record<PageName, ComponentType>> = {
  adminUsers: part(async () => (await import("../parts/admin-users.tsx")).Users),
  adminOrganisations: part(
    async () => (await import("../parts/admin-organisations.tsx")).Organisations,
  ),
  adminStorage: part(async () => (await import("../parts/admin-storage.tsx")).Storage),
  adminCollector: part(async () => (await import("../parts/admin-collector.tsx")).Collector),
  adminAudit: part(async () => (await import("../parts/admin-audit.tsx")).Audit),
  adminKeys: part(async () => (await import("../parts/admin-keys.tsx")).Keys),
  adminUploads: part(async () => (await import("../parts/admin-uploads.tsx")).Uploads),
};

/** What administrators do with the whole registry. */
export function Page() {
  const { address } = usePlace();
  const Part = parts[address?.page ?? "admin"] ?? Overview;
  return <Part />;
}
