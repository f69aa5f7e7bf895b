import path from "node:path";
import { startBerth, type Berth } from "./berth.ts";
import { startForeignServer, type ForeignServer } from "./foreign-server.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { createPlatformIndex, type Form, type PlatformIndex } from "./platform-index.ts";
import { createScratch } from "./scratch.ts";
import { offerForeign } from "./seeding.ts";

export const forms = ["oci", "docker"] as const;

/** What the tests of one client have around them, from nothing. */
export type Stage = {
  berth: Berth;
  /** The client's home: its settings, files and stores. */
  folder: string;
  /** The Linux and Windows index in both forms, as values … */
  indexes: Record<Form, PlatformIndex>;
  /** … and laid out in a folder, under the tag `multi`. */
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
