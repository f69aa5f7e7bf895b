import { useState } from "preact/hooks";
import type { MirrorAnswer } from "../../src/api/mirrors.ts";
import { api } from "../addresses.ts";
import { send } from "../answers.ts";
import { Check, Field, FormDialog, useSubmit } from "../parts/field.tsx";
import { mirrorSettings as words } from "../words/mirror-settings.ts";

/** What the controls show. */
type Values = ReturnType<typeof valuesOf>;

const bytesPerGb = 1e9;

function valuesOf(mirror: MirrorAnswer | undefined) {
  const { settings, numbers } = mirror ?? {};
  const cacheSize = numbers?.cache_size ?? null;
  return {
    namespace: mirror?.namespace ?? "",
    upstream: mirror?.upstream ?? "",
    username: settings?.username ?? "",
    password: "",
    cache: cacheSize === null ? "" : String(cacheSize / bytesPerGb),
    allow: settings?.allow.join(" ") ?? "",
    deny: settings?.deny.join(" ") ?? "",
    isPublic: mirror?.is_private === false,
    isRoot: mirror?.is_root ?? false,
    allowPrivate: settings?.allow_private_network ?? false,
    isInsecure: settings?.insecure ?? false,
  };
}

const globsOf = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean);

/** The settings whose control was changed. */
function changesOf(before: Values, now: Values): Readonly<Record<string, unknown>> {
  const username = now.username.trim();
  const all: Readonly<Record<keyof Values, object>> = {
    namespace: { namespace: now.namespace.trim() },
    upstream: { upstream: now.upstream.trim() },
    username: username === "" ? { username: null, password: null } : { username },
    password: { password: now.password },
    cache: { cache_size: now.cache === "" ? null : Math.round(Number(now.cache) * bytesPerGb) },
    allow: { allow: globsOf(now.allow) },
    deny: { deny: globsOf(now.deny) },
    isPublic: { is_private: !now.isPublic },
    isRoot: { is_root: now.isRoot },
    allowPrivate: { allow_private_network: now.allowPrivate },
    isInsecure: { insecure: now.isInsecure },
  };
  const keys = Object.keys(all) as (keyof Values)[];
  return Object.assign(
    {},
    ...keys.filter((key) => now[key] !== before[key]).map((key) => all[key]),
  );
}

/**
 * The form of a new mirror, or of the settings of one that the API has added.
 * @param mirror `undefined`: a new one
 */
export function MirrorSettings({
  mirror,
  onClose,
}: {
  readonly mirror?: MirrorAnswer;
  readonly onClose: () => void;
}) {
  const [before] = useState(() => valuesOf(mirror));
  const [values, setValues] = useState(before);
  const call = `${api}/mirrors`;
  const form = useSubmit(
    () =>
      mirror === undefined
        ? send("POST", call, changesOf(before, values))
        : send("PATCH", `${call}/${mirror.namespace}`, changesOf(before, values)),
    onClose,
  );
  const text = (key: keyof Values & keyof typeof words, field: string) => ({
    label: words[key],
    value: values[key] as string,
    onValue: (value: string) => setValues({ ...values, [key]: value }),
    errors: form.errorsOf(field),
  });
  const check = (key: "isPublic" | "isRoot" | "allowPrivate" | "isInsecure") => (
    <Check
      label={words[key]}
      isChecked={values[key]}
      onChange={(isChecked) => setValues({ ...values, [key]: isChecked })}
    />
  );
  const isNew = mirror === undefined;
  return (
    <FormDialog
      title={isNew ? words.addTitle : words.changeTitle(mirror.namespace)}
      action={isNew ? words.create : words.save}
      form={form}
      onClose={onClose}
    >
      {isNew && (
        <Field
          {...text("namespace", "namespace")}
          hint={words.namespaceHint}
          placeholder="ghcr.io"
          required
        />
      )}
      <Field {...text("upstream", "upstream")} placeholder="https://ghcr.io" required />
      <Field
        {...text("username", "username")}
        hint={words.usernameHint}
        autocomplete="off"
        maxLength={300}
      />
      {values.username.trim() !== "" && (
        <Field
          {...text("password", "password")}
          {...(mirror?.settings?.has_password === true && { hint: words.passwordKept })}
          type="password"
          autocomplete="new-password"
        />
      )}
      <Field {...text("cache", "cache_size")} hint={words.cacheHint} type="number" step="any" />
      <Field {...text("allow", "allow")} hint={words.globsHint} placeholder="library/*" />
      <Field {...text("deny", "deny")} hint={words.globsHint} />
      {check("isPublic")}
      {check("isRoot")}
      {check("allowPrivate")}
      {check("isInsecure")}
      <p class="hint">{words.commandLine(`berth mirror ${isNew ? "add" : "set"}`)}</p>
    </FormDialog>
  );
}
