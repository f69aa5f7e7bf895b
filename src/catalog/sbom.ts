import { listIn, partsIn, textIn, type JsonPart, type JsonShape } from "../oci/json-parts.ts";
import { timeIn } from "./image-config.ts";

/** What an SBOM says about itself. */
export interface Sbom {
  readonly format: "SPDX" | "CycloneDX";
  /** Of the format. */
  readonly version: string | undefined;
  /** Of the document, or of what it describes. */
  readonly name: string | undefined;
  readonly createdAtMs: number | undefined;
  /** The programs that made it. */
  readonly tools: readonly string[];
  readonly packageCount: number;
}

export interface SbomPackage {
  readonly name: string;
  readonly version: string | undefined;
  /** An SPDX expression, or the names of licenses. */
  readonly license: string | undefined;
  /** Package URL: `pkg:npm/koa@3.0.0` */
  readonly url: string | undefined;
}

/** The packages that a page shows. */
export interface PackageWindow {
  /** Part of a name, a version or a license; case does not matter. */
  readonly query: string;
  readonly skip: number;
  readonly limit: number;
}

/** Counts the packages of an SBOM while it is read, and keeps those of the window. */
export class PackageList {
  readonly #window: PackageWindow;
  readonly #query: string;
  readonly items: SbomPackage[] = [];
  count = 0;
  /** The packages that match the query. */
  matching = 0;

  constructor(window: PackageWindow) {
    this.#window = window;
    this.#query = window.query.toLowerCase();
  }

  add(found: SbomPackage | undefined): void {
    if (found === undefined) return;
    this.count += 1;
    const { skip, limit } = this.#window;
    if (!this.#matches(found)) return;
    this.matching += 1;
    if (this.matching > skip && this.items.length < limit) this.items.push(found);
  }

  #matches({ name, version, license }: SbomPackage): boolean {
    if (this.#query === "") return true;
    return [name, version, license].some((text) => text?.toLowerCase().includes(this.#query));
  }
}

const text: JsonShape = { text: 255 };
const named: JsonShape = { keys: { name: text, version: text } };
const licenses: JsonShape = {
  items: { keys: { expression: text, license: { keys: { id: text, name: text } } } },
};

/** The keys of an SPDX or CycloneDX document, whose packages are added to the list. */
export function sbomKeys(packages: PackageList): Readonly<Record<string, JsonShape>> {
  const component = {
    keys: {
      ...{ type: text, group: text, name: text, version: text, purl: text, licenses },
      // Components may consist of components.
      get components(): JsonShape {
        return components;
      },
    },
  };
  const components: JsonShape = {
    items: component,
    take: (part) => packages.add(cyclonedxComponent(part)),
  };
  return {
    spdxVersion: text,
    name: text,
    creationInfo: { keys: { created: text, creators: { items: text } } },
    packages: { items: spdxPackage, take: (part) => packages.add(spdxPackageOf(part)) },
    "@context": text,
    "@graph": { items: spdx3Element, take: (part) => packages.add(spdx3PackageOf(part)) },
    bomFormat: text,
    specVersion: text,
    components,
  };
}

/** The keys of the `metadata` of CycloneDX. */
export const cyclonedxMetadata: Readonly<Record<string, JsonShape>> = {
  timestamp: text,
  tools: { items: named, keys: { components: { items: named } } },
  component: named,
};

const spdxPackage: JsonShape = {
  keys: {
    ...{ name: text, versionInfo: text, licenseConcluded: text, licenseDeclared: text },
    externalRefs: { items: { keys: { referenceType: text, referenceLocator: text } } },
  },
};
const spdx3Element: JsonShape = {
  keys: {
    ...{ type: text, name: text },
    ...{ software_packageVersion: text, software_packageUrl: text },
  },
};

/** What a document with the keys of {@link sbomKeys} says about itself; `undefined`: it is no SBOM. */
export function sbomOf(document: JsonPart, packages: PackageList): Sbom | undefined {
  const keys = partsIn(document);
  const packageCount = packages.count;
  if (textIn(keys["bomFormat"]) === "CycloneDX") {
    const metadata = partsIn(keys["metadata"]);
    const { tools } = metadata;
    const listed = [...listIn(tools), ...listIn(partsIn(tools)["components"])];
    return {
      format: "CycloneDX",
      version: textIn(keys["specVersion"]),
      name: nameAndVersion(metadata["component"]),
      createdAtMs: timeIn(textIn(metadata["timestamp"])),
      tools: listed.map(nameAndVersion).filter((tool) => tool !== undefined),
      packageCount,
    };
  }
  const [, spdx3] =
    /^https:\/\/spdx\.org\/rdf\/([^/]+)\//.exec(textIn(keys["@context"]) ?? "") ?? [];
  const version = textIn(keys["spdxVersion"])?.replace(/^SPDX-/, "") ?? spdx3;
  if (version === undefined) return undefined;
  const creation = partsIn(keys["creationInfo"]);
  const creators = listIn(creation["creators"]).map((creator) => textIn(creator) ?? "");
  return {
    format: "SPDX",
    version,
    name: textIn(keys["name"]),
    createdAtMs: timeIn(textIn(creation["created"])),
    tools: creators.filter((one) => one.startsWith("Tool: ")).map((one) => one.slice(6)),
    packageCount,
  };
}

function spdxPackageOf(part: JsonPart): SbomPackage | undefined {
  const keys = partsIn(part);
  const name = textIn(keys["name"]);
  if (name === undefined) return undefined;
  const references = listIn(keys["externalRefs"]).map(partsIn);
  const purl = references.find((one) => one["referenceType"] === "purl");
  return {
    name,
    version: textIn(keys["versionInfo"]),
    license: asserted(keys["licenseConcluded"]) ?? asserted(keys["licenseDeclared"]),
    url: textIn(purl?.["referenceLocator"]),
  };
}

/** Elements of SPDX 3 are packages, files, relations and others. Their licenses are relations, which are not read. */
function spdx3PackageOf(part: JsonPart): SbomPackage | undefined {
  const keys = partsIn(part);
  const name = textIn(keys["name"]);
  if (name === undefined || keys["type"] !== "software_Package") return undefined;
  const version = textIn(keys["software_packageVersion"]);
  return { name, version, license: undefined, url: textIn(keys["software_packageUrl"]) };
}

function cyclonedxComponent(part: JsonPart): SbomPackage | undefined {
  const keys = partsIn(part);
  const [name, group] = [textIn(keys["name"]), textIn(keys["group"])];
  if (name === undefined || keys["type"] === "file") return undefined;
  const names = listIn(keys["licenses"]).map((one) => {
    const { expression, license } = partsIn(one);
    const { id, name: licenseName } = partsIn(license);
    return textIn(expression) ?? textIn(id) ?? textIn(licenseName);
  });
  const known = names.filter((one) => one !== undefined);
  return {
    name: group === undefined ? name : `${group}/${name}`,
    version: textIn(keys["version"]),
    license: known.length === 0 ? undefined : known.join(", ").slice(0, 255),
    url: textIn(keys["purl"]),
  };
}

function nameAndVersion(part: JsonPart): string | undefined {
  const { name, version } = partsIn(part);
  const known = textIn(name);
  return known === undefined ? undefined : [known, textIn(version) ?? ""].join(" ").trim();
}

/** SPDX has two words for a missing value. */
const asserted = (part: JsonPart): string | undefined =>
  part === "NOASSERTION" || part === "NONE" ? undefined : textIn(part);
