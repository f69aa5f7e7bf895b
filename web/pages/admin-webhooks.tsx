import type { WebhookListAnswer } from "../../src/api/webhooks.ts";
import { webhooksCall } from "../admin-calls.ts";
import { useAnswer } from "../answers.ts";
import { AdminPage } from "../parts/admin-page.tsx";
import { Webhooks } from "../parts/webhooks.tsx";

/** The webhooks of the server. */
export function Page() {
  const answer = useAnswer<WebhookListAnswer>(webhooksCall);
  return (
    <AdminPage first={answer} call={webhooksCall}>
      <Webhooks call={webhooksCall} of="server" />
    </AdminPage>
  );
}
