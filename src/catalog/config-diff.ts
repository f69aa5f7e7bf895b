/** A field that differs between two image configs. `null`: the config does not have the field. */
export interface FieldChange {
  /** `config.Env.PATH`, `config.Cmd`, `os.version` */
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** Fields that differ in every build and do not affect how the image runs. */
const ignored = new Set(["created", "history", "rootfs", "container", "container_config", "id"]);

/** Compares two image configs (image-spec config.md). Returns the differing fields, sorted by field name. */
export function differingFields(from: unknown, to: unknown): readonly FieldChange[] {
  const [before, after] = [fieldsOf(from), fieldsOf(to)];
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  return names.flatMap((field) => {
    const [old, fresh] = [before.get(field) ?? null, after.get(field) ?? null];
    return JSON.stringify(old) === JSON.stringify(fresh) ? [] : [{ field, from: old, to: fresh }];
  });
}

/**
 * Flattens a config into fields: the members of `config`, each variable of `Env`, and each key of `Labels`,
 * `ExposedPorts` and `Volumes`.
 */
function fieldsOf(config: unknown): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>();
  for (const [name, value] of entriesOf(config)) {
    if (ignored.has(name)) continue;
    if (name !== "config") {
      fields.set(name, value);
      continue;
    }
    for (const [key, inner] of entriesOf(value)) {
      if (key === "Env" && Array.isArray(inner)) {
        for (const text of inner.map(String)) {
          const at = text.indexOf("=");
          const variable = at < 0 ? text : text.slice(0, at);
          fields.set(`config.Env.${variable}`, at < 0 ? "" : text.slice(at + 1));
        }
      } else if (["Labels", "ExposedPorts", "Volumes"].includes(key)) {
        for (const [label, said] of entriesOf(inner)) fields.set(`config.${key}.${label}`, said);
      } else fields.set(`config.${key}`, inner);
    }
  }
  return fields;
}

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
