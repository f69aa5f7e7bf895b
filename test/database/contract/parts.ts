import { accessSteps } from "./access.ts";
import { accessTokensSteps } from "./access-tokens.ts";
import { browserSessionsSteps } from "./browser-sessions.ts";
import { jobSteps } from "./jobs.ts";
import { invitesSteps } from "./invites.ts";
import { accountsSteps } from "./accounts.ts";
import { auditSteps } from "./audit.ts";
import { catalogSteps } from "./catalog.ts";
import { imagesSteps } from "./images.ts";
import { maintenanceSteps } from "./maintenance.ts";
import { membersSteps } from "./members.ts";
import { mirrorSteps } from "./mirror.ts";
import { mirrorContentSteps } from "./mirror-content.ts";
import { registrySteps } from "./registry.ts";
import { retentionSteps } from "./retention.ts";
import { signInSteps } from "./sign-in.ts";
import { uploadsSteps } from "./uploads.ts";
import { webhookDeliverySteps } from "./webhook-deliveries.ts";
import { webhookSteps } from "./webhooks.ts";
import type { Step } from "./support.ts";

/** The steps of the contract. Each part begins with an empty database. */
export const parts: ReadonlyMap<string, readonly Step[]> = new Map([
  ["accounts", [...accountsSteps, ...membersSteps]],
  ["access", [...accessSteps, ...accessTokensSteps, ...invitesSteps, ...browserSessionsSteps]],
  ["registry", [...registrySteps, ...uploadsSteps]],
  ["catalog", catalogSteps],
  ["images", imagesSteps],
  ["sign-in", signInSteps],
  ["mirror", [...mirrorSteps, ...mirrorContentSteps]],
  ["maintenance", maintenanceSteps],
  ["jobs", jobSteps],
  ["webhooks", [...webhookSteps, ...webhookDeliverySteps]],
  ["retention", retentionSteps],
  ["the audit log", auditSteps],
]);
