import { useState } from "preact/hooks";
import type { QuotaAnswer } from "../../src/api/administration.ts";
import { quotaPath, quotasCall } from "../admin-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { size } from "../format.ts";
import { usePlace } from "../router.ts";
import { quotas as words } from "../words/admin-accounts.ts";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Meter } from "../parts/charts.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Field, useSubmit, FormDialog } from "../parts/field.tsx";
import { ListCard } from "../parts/list-tools.tsx";
import { Size } from "../parts/text.tsx";

interface QuotaPage {
  readonly count: number;
  readonly results: readonly QuotaAnswer[];
}

type Asked =
  | { readonly of: "new" }
  | { readonly of: "change" | "removal"; readonly quota: QuotaAnswer };

/** The bytes of each namespace, and how many it may have. */
export function Page() {
  const { url } = usePlace();
  const call = quotasCall(url.searchParams);
  const answer = useAnswer<QuotaPage>(call);
  const [asked, setAsked] = useState<Asked>();
  const close = () => setAsked(undefined);
  return (
    <AdminPage first={answer} call={call}>
      <ListCard
        title={words.title}
        actions={
          <button type="button" class="btn small primary" onClick={() => setAsked({ of: "new" })}>
            {words.set}
          </button>
        }
        answer={answer}
        call={call}
        empty={words.none}
        footer={
          <div>
            <p>{words.hint}</p>
            <Commands
              lines={[
                "berth quota list",
                "berth quota set NAMESPACE 50GB",
                "berth quota remove NAMESPACE",
              ]}
            />
          </div>
        }
      >
        {(results) => <Table quotas={results} onAsk={setAsked} />}
      </ListCard>
      {asked?.of === "new" && <SetQuota onClose={close} />}
      {asked?.of === "change" && <SetQuota quota={asked.quota} onClose={close} />}
      {asked?.of === "removal" && (
        <Confirm
          title={words.removeTitle(asked.quota.namespace)}
          action={words.removeQuota}
          onClose={close}
          onConfirm={() => send("DELETE", quotaPath(asked.quota.namespace))}
        >
          <p>{words.removeHint}</p>
        </Confirm>
      )}
    </AdminPage>
  );
}

const Table = ({
  quotas,
  onAsk,
}: {
  readonly quotas: readonly QuotaAnswer[];
  readonly onAsk: (asked: Asked) => void;
}) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.namespace}</th>
        <th class="r">{words.columns.used}</th>
        <th>{words.columns.limit}</th>
        <th>
          <span class="sr">{words.change}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {quotas.map((quota) => (
        <tr key={quota.namespace}>
          <td>
            <a href={`/u/${quota.namespace}`}>{quota.namespace}</a>
          </td>
          <td class="r" data-label={words.columns.used}>
            <Size bytes={quota.used} />
          </td>
          <td data-label={words.columns.limit}>
            <Limit quota={quota} />
          </td>
          <td class="r act">
            {quota.is_own && (
              <button
                type="button"
                class="btn small"
                aria-label={words.removeOf(quota.namespace)}
                onClick={() => onAsk({ of: "removal", quota })}
              >
                {words.remove}
              </button>
            )}{" "}
            <button
              type="button"
              class="btn small"
              aria-label={words.setOf(quota.namespace)}
              onClick={() => onAsk({ of: "change", quota })}
            >
              {words.change}
            </button>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Limit = ({ quota: { used, limit, is_own: isOwn } }: { readonly quota: QuotaAnswer }) =>
  limit === null ? (
    <span class="muted">{words.noLimit}</span>
  ) : (
    <span>
      <Size bytes={limit} /> {!isOwn && <span class="sub">{words.byDefault}</span>}
      <Meter value={used} limit={limit} label={words.ofLimit(used, limit)} />
    </span>
  );

const bytesOf: Readonly<Record<string, number>> = { b: 1 };
for (const [index, unit] of ["k", "m", "g", "t", "p"].entries())
  Object.assign(bytesOf, {
    [`${unit}b`]: 1000 ** (index + 1),
    [`${unit}ib`]: 1024 ** (index + 1),
  });

/** `50 GB`, `64 MiB` or a number of bytes; `undefined` for another text. */
function bytesIn(text: string): number | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = bytesOf[unit.toLowerCase() || "b"];
  if (number === undefined || factor === undefined) return undefined;
  const bytes = Math.round(Number(number) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** @param quota the present one; `undefined`: the namespace is typed */
function SetQuota({
  quota,
  onClose,
}: {
  readonly quota?: QuotaAnswer;
  readonly onClose: () => void;
}) {
  const [namespace, setNamespace] = useState(quota?.namespace ?? "");
  const [text, setText] = useState(quota?.limit == null ? "" : size(quota.limit));
  const limit = bytesIn(text);
  const form = useSubmit(() => send("PUT", quotaPath(namespace.trim()), { limit }), onClose);
  const title = quota === undefined ? words.set : words.setOf(quota.namespace);
  return (
    <FormDialog title={title} action={words.save} form={form} onClose={onClose}>
      {quota === undefined && (
        <Field
          label={words.namespace}
          value={namespace}
          onValue={setNamespace}
          autocomplete="off"
          required
        />
      )}
      <Field
        label={words.limit}
        hint={words.limitHint}
        value={text}
        onValue={setText}
        errors={text !== "" && limit === undefined ? [words.wrongSize] : form.errorsOf("limit")}
        autocomplete="off"
        required
      />
    </FormDialog>
  );
}
