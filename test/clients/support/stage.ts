import path from "node:path";
import { startBerth, type Berth } from "./berth.ts";
import { startForeignServer, type ForeignServer } from "./foreign-server.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { createPlatformIndex, type Form, type PlatformIndex } from "./platform-index.ts";
import { createScratch } from "./scratch.ts";
import { offerForeign } from "./seeding.ts";

export const forms = ["oci", "docker"] as const;

/** A new environment for the tests of one client. */
export type Stage = {
  berth: Berth;
  /** The home folder of the client, with its settings, files and stores. */
  folder: string;
  /** The Linux and Windows index in both forms. */
  indexes: Record<Form, PlatformIndex>;
  /** The folders with the OCI layouts of these indexes. Their tag is `multi`. */
  layouts: Record<Form, string>;
  foreignServer: ForeignServer;
};

export async function openStage(client: string): Promise<Stage> {
  const berth = await startBerth();
  const foreignServer = await startForeignServer();
  const folder = createScratch(client);
  const indexes = {
    oci: createPlatformIndex("oci", foreignServer.url),
    docker: createPlatformIndex("docker", foreignServer.url),
  };
  const layouts = {
    oci: path.join(folder, "layout-oci"),
    docker: path.join(folder, "layout-docker"),
  };
  for (const form of forms) {
    writeOciLayout(layouts[form], "multi", indexes[form]);
    offerForeign(foreignServer, indexes[form]);
  }
  return { berth, folder, indexes, layouts, foreignServer };
}
