import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { send } from "../answers.ts";
import { tokens as words } from "../words/tokens.ts";
import { Confirm } from "./dialog.tsx";
import { useChanging } from "./field.tsx";
import { SelectField } from "./select.tsx";
import { lazy } from "./lazy.tsx";
import { Since, Text } from "./text.tsx";

/** The secret of a new token, in a dialog. */
export const IssuedToken = lazy(
  async () => (await import("../dialogs/issued-token.tsx")).IssuedToken,
);

/** What the lists of both kinds of access tokens show. */
export interface TokenRow {
  readonly id: string;
  readonly label: string;
  /** Below the label. */
  readonly note?: ComponentChildren;
  /** What the token may do, or who created it. */
  readonly detail: ComponentChildren;
  readonly lastUsed: string | null;
  readonly expires: string | null;
  readonly isActive: boolean;
}

/**
 * Access tokens; each can be turned off and on, and deleted.
 * @param path the path of the API before the id of a token
 */
export function TokenTable({
  path,
  tokens,
  detail,
}: {
  readonly path: string;
  readonly tokens: readonly TokenRow[];
  /** The heading of the column of `detail`. */
  readonly detail: string;
}) {
  const [deleted, setDeleted] = useState<TokenRow>();
  return (
    <>
      <table class="cards">
        <thead>
          <tr>
            <th>{words.columns.label}</th>
            <th>{detail}</th>
            <th>{words.columns.lastUsed}</th>
            <th>{words.columns.expires}</th>
            <th>{words.columns.active}</th>
            <th>
              <span class="sr">{words.delete}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {tokens.map((token) => (
            <Row key={token.id} {...{ path, token, detail }} onDelete={() => setDeleted(token)} />
          ))}
        </tbody>
      </table>
      {deleted && (
        <Confirm
          title={words.deleteTitle(deleted.label)}
          action={words.delete}
          isDangerous
          onClose={() => setDeleted(undefined)}
          onConfirm={() => send("DELETE", `${path}/${deleted.id}`)}
        >
          <p>{words.deleteHint}</p>
          <p>
            {deleted.lastUsed === null ? (
              words.deleteUnused
            ) : (
              <>
                {words.deleteUsed} <Since time={deleted.lastUsed} />.
              </>
            )}
          </p>
        </Confirm>
      )}
    </>
  );
}

function Row({
  path,
  token,
  detail,
  onDelete,
}: {
  readonly path: string;
  readonly token: TokenRow;
  readonly detail: string;
  readonly onDelete: () => void;
}) {
  const { shown, isRunning, change } = useChanging(token.isActive);
  return (
    <tr>
      <td>
        <Text of={token.label} />
        {token.note !== undefined && <div class="sub">{token.note}</div>}
      </td>
      <td data-label={detail}>{token.detail}</td>
      <td data-label={words.columns.lastUsed}>
        {token.lastUsed === null ? words.never : <Since time={token.lastUsed} />}
      </td>
      <td data-label={words.columns.expires}>
        <Expiry time={token.expires} />
      </td>
      <td data-label={words.columns.active}>
        <input
          type="checkbox"
          class="check"
          aria-label={words.isActive(token.label)}
          checked={shown}
          disabled={isRunning}
          onChange={() =>
            void change(!shown, () => send("PATCH", `${path}/${token.id}`, { is_active: !shown }))
          }
        />
      </td>
      <td class="r act">
        <button type="button" class="btn small" onClick={onDelete}>
          {words.delete}
        </button>
      </td>
    </tr>
  );
}

const dayMs = 24 * 60 * 60 * 1000;
/** Below this time an expiry is shown as a warning. */
const soonMs = 14 * dayMs;

function Expiry({ time }: { readonly time: string | null }) {
  if (time === null) return words.never;
  const leftMs = Date.parse(time) - Date.now();
  if (leftMs <= 0) return <span class="chip bad">{words.expired}</span>;
  if (leftMs > soonMs) return <Since time={time} />;
  return (
    <span class="chip warn">
      <Since time={time} />
    </span>
  );
}

/** The time after a number of days; `null` for an empty text: never. */
export const expiryOf = (days: string): string | null =>
  days === "" ? null : new Date(Date.now() + Number(days) * dayMs).toISOString();

export function ExpirySelect({
  days,
  onDays,
}: {
  /** A key of `words.lifetimes`. */
  readonly days: string;
  readonly onDays: (days: string) => void;
}) {
  return (
    <SelectField
      label={words.expires}
      options={Object.entries(words.lifetimes)}
      value={days}
      onValue={onDays}
    />
  );
}
