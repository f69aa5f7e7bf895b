// Builds the web pages into dist/web: scripts with one chunk per page that is loaded later, one style sheet, two fonts,
// and each of them compressed. `files.json` names them for the server.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build } from "esbuild";

const root = import.meta.dirname;

/**
 * Every page and dialog, and what a page loads later, is loaded by `main.tsx`, so what that file imports is always there.
 * esbuild does not know it and would cut these modules into a chunk for each set of pages that uses them. With this
 * import they are one chunk.
 */
const pagesImportMain = {
  name: "pages-import-main",
  setup: ({ onLoad }) =>
    onLoad(
      { filter: /web\/(?:pages|dialogs|readme|attached|retention)\/[\w-]+\.tsx$/ },
      ({ path: file }) => ({
        contents: `import "../main.tsx";\n${readFileSync(file, "utf8")}`,
        loader: "tsx",
      }),
    ),
};

/** @param {string} outdir */
export async function buildWeb(outdir) {
  const { metafile } = await build({
    absWorkingDir: path.join(root, ".."),
    entryPoints: ["web/main.tsx", "web/style/all.css"],
    outdir,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: "es2023",
    legalComments: "none",
    loader: { ".woff2": "file" },
    plugins: [pagesImportMain],
    metafile: true,
    logLevel: "warning",
  });
  writeFileSync(path.join(outdir, "favicon.svg"), readFileSync(path.join(root, "favicon.svg")));
  const outputs = Object.entries(metafile.outputs);
  const outputOf = (source) =>
    outputs.find(([, { entryPoint }]) => entryPoint === source)?.[0] ?? "";
  /** A script with the scripts that it imports at its start. */
  const withImports = (file, found = new Set()) => {
    if (found.has(file)) return found;
    found.add(file);
    for (const { kind, path: imported } of metafile.outputs[file]?.imports ?? [])
      if (kind === "import-statement") withImports(imported, found);
    return found;
  };
  const script = outputOf("web/main.tsx");
  const first = withImports(script);
  const namesOf = (names) => [...names].map((file) => path.basename(file));
  const files = {
    script: path.basename(script),
    style: path.basename(outputOf("web/style/all.css")),
    font: namesOf(outputs.map(([file]) => file)).find((name) =>
      /^geist-latin-.*\.woff2$/.test(name),
    ),
    preload: namesOf(first).filter((name) => name !== path.basename(script)),
    // By page: its script, and what the script imports that is not loaded yet.
    pages: Object.fromEntries(
      outputs
        .filter(([, { entryPoint }]) => entryPoint?.startsWith("web/pages/"))
        .map(([file, { entryPoint = "" }]) => [
          path.basename(entryPoint, ".tsx"),
          namesOf([...withImports(file)].filter((one) => !first.has(one))),
        ]),
    ),
  };
  writeFileSync(path.join(outdir, "files.json"), JSON.stringify(files, null, 2));
  for (const name of readdirSync(outdir).filter((one) => /\.(?:js|css|svg)$/.test(one))) {
    const plain = readFileSync(path.join(outdir, name));
    writeFileSync(path.join(outdir, `${name}.gz`), gzipSync(plain, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
    writeFileSync(path.join(outdir, `${name}.br`), brotliCompressSync(plain, { params }));
  }
}
