import type { Generated } from "kysely";
import type {
  DeliveryState,
  EventType,
  PayloadFormat,
  WantedEvent,
} from "../../api/event-types.ts";
import type { Digest } from "../../oci/digest.ts";
import type { RepositoryName } from "../../oci/name.ts";
import type { Tag } from "../../oci/reference.ts";
import type { Visibility } from "../registry/schema.ts";

/** The tables of webhooks; `migrations/` describes the columns. */
export interface EventTables {
  webhooks: WebhooksTable;
  webhook_events: WebhookEventsTable;
  events: EventsTable;
  webhook_deliveries: WebhookDeliveriesTable;
}

interface WebhooksTable {
  id: string;
  scope: string;
  url: string;
  format: PayloadFormat;
  secret: Uint8Array;
  old_secret: Uint8Array | null;
  old_secret_until: number | null;
  auth_header: Uint8Array | null;
  is_active: Generated<0 | 1>;
  creator: string;
  created_at: number;
  ended_at: number | null;
}

interface WebhookEventsTable {
  webhook_id: string;
  type: WantedEvent;
}

interface EventsTable {
  id: Generated<number>;
  at: number;
  type: EventType;
  actor: string;
  peer: string;
  namespace: string;
  repository: RepositoryName | null;
  tag: Tag | null;
  digest: Digest | null;
  previous_digest: Digest | null;
  media_type: string | null;
  size_bytes: number | null;
  visibility: Visibility | null;
  repository_created_at: number | null;
  data: string;
}

interface WebhookDeliveriesTable {
  id: Generated<number>;
  webhook_id: string;
  event_id: number;
  subject: string;
  state: Generated<DeliveryState>;
  attempts: Generated<number>;
  tried_since: number | null;
  next_at: number;
  is_unreachable: Generated<0 | 1>;
  ended_at: number | null;
  status: number | null;
  answer: string | null;
  duration_ms: number | null;
}
