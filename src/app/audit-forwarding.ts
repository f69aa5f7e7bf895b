import { formatAuditForward, type AuditForward } from "../config/addresses.ts";
import { packageVersion } from "../config/package-version.ts";
import { readProxies } from "../config/sources.ts";
import { AuditForwarder, type AuditReceiver } from "../events/audit/forwarder.ts";
import type { AppContext } from "./context.ts";
import { leadershipOf } from "./replica.ts";

/** Forwards the audit log in the server of a data folder, or in the replica that leads. */
export async function startAuditForwarding(context: AppContext): Promise<void> {
  const { forward } = context.config.audit;
  if (forward === undefined) return;
  const { logger: log } = context;
  const database = await context.database();
  // Before clients are served: what they change from now on is forwarded.
  await database.commands.beginAuditForwarding();
  const leadership = await leadershipOf(context);
  const openReceiver = (): Promise<AuditReceiver> => open(context, forward);
  const leading = leadership.runAsLeader("audit", () =>
    new AuditForwarder({ database, openReceiver, log }).start(),
  );
  context.onClose(() => leading.stop());
}

/** Its modules are loaded for the first entry. */
async function open({ config, clock }: AppContext, forward: AuditForward): Promise<AuditReceiver> {
  if (forward.kind === "webhook") {
    const { openAuditWebhook } = await import("../events/audit/webhook.ts");
    return openAuditWebhook({
      ...{ url: forward.url, secret: config.audit.forwardSecret },
      ...{ version: packageVersion(), proxies: readProxies(), clock },
    });
  }
  const { openSyslogDatagrams, openSyslogStream } = await import("../events/audit/syslog.ts");
  const address = formatAuditForward(forward);
  switch (forward.kind) {
    case "udp":
      return openSyslogDatagrams(address, forward.host, forward.port);
    case "tcp":
      return openSyslogStream(address, { host: forward.host, port: forward.port });
    case "unix":
      return openSyslogStream(address, { path: forward.path });
  }
}
