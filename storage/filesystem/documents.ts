import { open, readdir, readFile, unlink } from "node:fs/promises";
import path from "node:path";
import { checkedDocumentName, isDocumentName, type DocumentStore } from "../documents.ts";
import { createDurableDirectories, flushAndClose, renameDurably } from "./durable-files.ts";
import { undefinedIfNoFile } from "./paths.ts";
import { writeAll } from "./write.ts";

const suffix = ".json";

/** Documents as files `<folder>/<name>.json`. The first write creates the folder, in a folder that exists. */
export function createFileDocuments(folder: string): DocumentStore {
  const makeDurable = createDurableDirectories();
  const fileOf = (name: string): string =>
    path.join(folder, `${checkedDocumentName(name)}${suffix}`);
  return {
    async list() {
      const files = (await readdir(folder).catch(undefinedIfNoFile)) ?? [];
      const names = files.filter((file) => file.endsWith(suffix));
      return names.map((file) => file.slice(0, -suffix.length)).filter(isDocumentName);
    },

    read: (name) => readFile(fileOf(name), "utf8").catch(undefinedIfNoFile),

    async write(name, text) {
      const unfinished = `${fileOf(name)}.new`;
      await makeDurable(folder);
      const file = await open(unfinished, "w");
      await flushAndClose(file, unfinished, () => writeAll(file, [Buffer.from(text)], 0));
      await renameDurably(unfinished, fileOf(name));
    },

    async remove(name) {
      await unlink(fileOf(name)).catch(undefinedIfNoFile);
    },
  };
}
