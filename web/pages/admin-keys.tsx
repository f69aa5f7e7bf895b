import { useState } from "preact/hooks";
import type { KeyAnswer } from "../../src/api/server.ts";
import { keysCall } from "../admin-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { keys as words } from "../words/admin-keys.ts";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";

const chips = { signs: "good", verifies: "info", expired: "" };

/** The keys that sign and verify tokens. */
export function Page() {
  const answer = useAnswer<{ readonly keys: readonly KeyAnswer[] }>(keysCall, { live: true });
  const [asked, setAsked] = useState<KeyAnswer | "rotation">();
  const close = () => setAsked(undefined);
  return (
    <AdminPage first={answer} call={keysCall}>
      <section class="card" aria-labelledby="keys">
        <header>
          <h2 id="keys">{words.title}</h2>
          <span class="end">
            <button type="button" class="btn small primary" onClick={() => setAsked("rotation")}>
              {words.rotate}
            </button>
          </span>
        </header>
        <p class="body sub">{words.intro}</p>
        <Table keys={answer.data?.keys ?? []} onRemove={setAsked} />
        <footer>
          <Commands lines={["berth keys list", "berth keys rotate", "berth keys remove ID"]} />
        </footer>
      </section>
      {asked === "rotation" && (
        <Confirm
          title={words.rotateTitle}
          action={words.rotate}
          onClose={close}
          onConfirm={async () => {
            const result = await send<{ readonly id: string }>("POST", keysCall);
            if (result.ok) showToast({ text: words.rotated(result.data.id) });
            return result;
          }}
        >
          <p>{words.rotateHint}</p>
        </Confirm>
      )}
      {asked !== undefined && asked !== "rotation" && <RemoveKey signer={asked} onClose={close} />}
    </AdminPage>
  );
}

const Table = ({
  keys,
  onRemove,
}: {
  readonly keys: readonly KeyAnswer[];
  readonly onRemove: (key: KeyAnswer) => void;
}) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.id}</th>
        <th>{words.columns.state}</th>
        <th>{words.columns.created}</th>
        <th>{words.columns.ends}</th>
        <th>
          <span class="sr">{words.remove}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {keys.map((key) => (
        <tr key={key.id}>
          <td>
            <span class="mono">{key.id}</span> <span class="sub">{key.algorithm}</span>
          </td>
          <td data-label={words.columns.state}>
            <span class={`chip ${chips[key.state]}`}>{words.states[key.state]}</span>
          </td>
          <td class="nw" data-label={words.columns.created}>
            <Since time={key.created_at} />
          </td>
          <td class="nw" data-label={words.columns.ends}>
            <Since time={key.ends_at} />
          </td>
          <td class="r act">
            <button
              type="button"
              class="btn small"
              aria-label={words.removeOf(key.id)}
              title={key.state === "signs" ? words.removeSigns : undefined}
              disabled={key.state === "signs"}
              onClick={() => onRemove(key)}
            >
              {words.remove}
            </button>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

function RemoveKey({
  signer: { id, state, ends_at: ends },
  onClose,
}: {
  readonly signer: KeyAnswer;
  readonly onClose: () => void;
}) {
  const isValid = state === "verifies";
  return (
    <Confirm
      title={words.removeTitle(id)}
      action={words.remove}
      isDangerous={isValid}
      onClose={onClose}
      onConfirm={() => {
        const query = isValid ? "?force=true" : "";
        return send("DELETE", `${keysCall}/${encodeURIComponent(id)}${query}`);
      }}
    >
      {isValid ? (
        <>
          <p>{words.removeValid}</p>
          <p>
            {words.columns.ends}: <Since time={ends} />
          </p>
        </>
      ) : (
        <p>{words.removeExpired}</p>
      )}
      <Commands lines={[`berth keys remove ${id}${isValid ? " --force" : ""}`]} />
    </Confirm>
  );
}
