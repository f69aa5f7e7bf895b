import { existsSync } from "node:fs";
import type { BlobStore } from "../storage/blob-store.ts";
import type { Config } from "./config/schema.ts";
import { openSqliteMetadata, type Metadata } from "./metadata/metadata.ts";
import { matchInstance } from "./registry/upkeep/opening.ts";
import { databaseFile, NoRegistryError, openStore } from "./stores.ts";

export interface DataFolder {
  readonly store: BlobStore;
  readonly metadata: Metadata;
  readonly close: () => Promise<void>;
}

/**
 * Opens the registry that is in the data folder, also while a server runs on it. Throws {@link NoRegistryError}, and
 * where database and store do not belong together.
 */
export async function openDataFolder(config: Config): Promise<DataFolder> {
  const file = databaseFile(config);
  if (!existsSync(file)) throw new NoRegistryError(`there is no registry in ${config.data}`);
  const store = await openStore(config);
  const metadata = await openSqliteMetadata(file);
  const close = async (): Promise<void> => {
    await metadata.close();
    await store.close();
  };
  try {
    await matchInstance({ store, metadata });
  } catch (error) {
    await close();
    throw error;
  }
  return { store, metadata, close };
}
