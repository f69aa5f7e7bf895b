/**
 * `npm run package [-- --to FOLDER]` writes `berth-VERSION.tgz`, the npm package: the built program, which needs three
 * packages at run time. `npm run bundle` also writes `berth-VERSION-OS-ARCH.tar.gz`: the same with these packages and their
 * native modules, for machines that reach no npm registry. It runs on the major version of Node that made it, and on
 * Node 22.14 or newer. Both need `dist`, and the packages of `npm ci`.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";

const root = path.join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: { to: { type: "string", default: "." }, bundle: { type: "boolean", default: false } },
});

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** Runs a program. Its output goes to standard error, because standard output has only the names of the files. */
function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args[0]} failed`, { cause: error });
}

const projectManifest = (): Manifest =>
  JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as Manifest;

/** The manifest of the package: of the dependencies only those that the bundled program loads. */
function packageManifest(): Manifest {
  const { name, version, description, license, type, bin, engines, ...rest } = projectManifest();
  const programs = readdirSync(path.join(root, "dist")).filter((file) => file.endsWith(".js"));
  const text = programs.map((file) => readFileSync(path.join(root, "dist", file), "utf8")).join();
  // src/database/sqlite/driver.ts chooses one of the two versions of better-sqlite3.
  const isLoaded = (one: string): boolean =>
    one === "better-sqlite3" || text.includes(`from"${one}"`) || text.includes(`import("${one}")`);
  const loaded = Object.entries(rest.dependencies).filter(([one]) => isLoaded(one));
  const dependencies = Object.fromEntries(loaded);
  const { optionalDependencies } = rest;
  const own = { name, version, description, license, type, bin, engines };
  return { ...own, dependencies, optionalDependencies };
}

/**
 * Copies what the package consists of: not the maps of the program, which are 70 % of `dist` and only for developers, and not
 * the pictures of the documentation.
 */
function writePackage(folder: string, manifest: Manifest): void {
  for (const part of ["dist", "migrations", "docs", "LICENSE", "README.md"])
    cpSync(path.join(root, part), path.join(folder, part), {
      recursive: true,
      filter: (file) => !/\.map$|\/docs\/(?:images|openapi\.json)$/.test(file),
    });
  chmodSync(path.join(folder, "dist/main.js"), 0o755);
  writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Installs the packages at the versions of package-lock.json, with native modules for this system. */
function installPackages(folder: string, manifest: Manifest): void {
  const { optionalDependencies, dependencies, ...others } = manifest;
  // npm leaves an optional package out that this Node is too old for; the bundle's Node may be newer.
  const all = { ...others, dependencies: { ...dependencies, ...optionalDependencies } };
  writeFileSync(path.join(folder, "package.json"), JSON.stringify(all));
  cpSync(path.join(root, "package-lock.json"), path.join(folder, "package-lock.json"));
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--engine-strict=false"];
  run("npm", ["install", "--omit=dev", "--ignore-scripts", ...quiet], folder);
  const inModules = (...parts: string[]): string => path.join(folder, "node_modules", ...parts);
  const compiled = "better-sqlite3/build/Release/better_sqlite3.node";
  cpSync(path.join(root, "node_modules", compiled), inModules(compiled));
  const system = `${process.platform}-${process.arch}.node`;
  const prebuilt = inModules("better-sqlite3-node-api/prebuilds");
  for (const file of readdirSync(prebuilt)) if (file !== system) rmSync(path.join(prebuilt, file));
  const sources = ["deps", "src"].flatMap((part) => [
    inModules("better-sqlite3", part),
    inModules("better-sqlite3-node-api", part),
  ]);
  // These only download or compile a native module.
  const installers = [
    inModules("node-addon-api"),
    inModules("prebuild-install"),
    inModules(".bin"),
  ];
  for (const unused of [...sources, ...installers, path.join(folder, "package-lock.json")])
    rmSync(unused, { recursive: true, force: true });
  writeFileSync(path.join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Adds the starter, its README and the examples. */
function writeStarter(folder: string): void {
  const starter = readFileSync(path.join(root, "deploy/bundle/berth"), "utf8");
  const [major = ""] = process.versions.node.split(".");
  writeFileSync(path.join(folder, "berth"), starter.replaceAll("@MAJOR@", major), { mode: 0o755 });
  cpSync(path.join(root, "deploy/bundle/README.md"), path.join(folder, "README.md"));
  cpSync(path.join(root, "deploy"), path.join(folder, "deploy"), {
    recursive: true,
    filter: (file) => !file.endsWith("/deploy/bundle"),
  });
}

const work = mkdtempSync(path.join(tmpdir(), "berth-package-"));
try {
  const to = path.resolve(values.to);
  const manifest = packageManifest();
  const { version } = manifest;
  const folder = path.join(work, "package");
  mkdirSync(folder);
  writePackage(folder, manifest);
  run("npm", ["pack", "--pack-destination", to, "--loglevel=error"], folder);
  console.log(path.join(to, `berth-${version}.tgz`));
  if (values.bundle) {
    const name = `berth-${version}-${process.platform}-${process.arch}`;
    const bundle = path.join(work, name);
    cpSync(folder, bundle, { recursive: true });
    installPackages(bundle, manifest);
    writeStarter(bundle);
    const file = path.join(to, `${name}.tar.gz`);
    const ownedByRoot = ["--owner=0", "--group=0", "--numeric-owner", "--mode=u+rw,go+r,go-w,a+X"];
    run("tar", ["--sort=name", ...ownedByRoot, "-czf", file, name], work);
    console.log(file);
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
