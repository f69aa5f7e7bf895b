import { useState } from "preact/hooks";
import { ownInvitesCall } from "../account-calls.ts";
import { sessionCall } from "../addresses.ts";
import { ask, send, useAnswer } from "../answers.ts";
import { profile as words, roles } from "../words/settings.ts";
import type { InviteAnswer, InviteListAnswer } from "../../src/api/organisations.ts";
import { Confirm } from "./dialog.tsx";
import { Loaded, messageOf } from "./states.tsx";
import { Since } from "./text.tsx";
import { showToast } from "./toast.tsx";

/** The invites of organisations that wait for the signed-in user. */
export function OwnInvites() {
  const answer = useAnswer<InviteListAnswer>(ownInvitesCall, { live: true });
  const [declined, setDeclined] = useState<InviteAnswer>();
  return (
    <section class="card" aria-labelledby="invites">
      <header>
        <h2 id="invites">{words.invites}</h2>
      </header>
      <Loaded answer={answer} url={ownInvitesCall} lines={2}>
        {({ data }) =>
          data.length === 0 ? (
            <p class="empty-state">{words.noInvites}</p>
          ) : (
            <ul class="list">
              {data.map((one) => (
                <Invite key={one.id} invite={one} onDecline={() => setDeclined(one)} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {declined && (
        <Confirm
          title={words.declineTitle(declined.org)}
          action={words.decline}
          onClose={() => setDeclined(undefined)}
          onConfirm={() => send("DELETE", `/v2/invites/${declined.id}`)}
        >
          <p>{words.declineHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Invite({
  invite,
  onDecline,
}: {
  readonly invite: InviteAnswer;
  readonly onDecline: () => void;
}) {
  const { id, org, team, role, inviter_username: inviter } = invite;
  const [isRunning, setRunning] = useState(false);
  const accept = async () => {
    setRunning(true);
    const result = await send("POST", `/v2/invites/${id}/accept`);
    setRunning(false);
    showToast({ text: result.ok ? words.accepted(org) : messageOf(result.failure) });
    // The session names the organisations of the user.
    await ask(sessionCall);
  };
  return (
    <li>
      <span class="two">
        <a href={`/u/${org}`}>{org}</a>
        <span class="sub">
          {words.invited(inviter, roles[role])}
          {team !== "" && words.intoTeam(team)} · <Since time={invite.created_at} />
        </span>
      </span>
      <span class="end actions">
        <button
          type="button"
          class="btn small primary"
          disabled={isRunning}
          onClick={() => void accept()}
        >
          {words.accept}
        </button>
        <button type="button" class="btn small" onClick={onDecline}>
          {words.decline}
        </button>
      </span>
    </li>
  );
}
