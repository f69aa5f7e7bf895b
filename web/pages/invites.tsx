import { useId, useState } from "preact/hooks";
import type {
  InviteAnswer,
  InviteListAnswer,
  SentInvitesAnswer,
  TeamAnswer,
} from "../../src/api/organisations.ts";
import { invitesCall, organisationPath } from "../account-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Submit, useSubmit } from "../parts/field.tsx";
import { SelectField } from "../parts/select.tsx";
import { namesIn } from "../parts/list-tools.tsx";
import { Loaded } from "../parts/states.tsx";
import { Since, Text } from "../parts/text.tsx";
import { invites as words, members as memberWords } from "../words/members.ts";

type Role = keyof typeof memberWords.roles;

/** The open invites of an organisation, and new ones. */
export function Page() {
  const { account } = useAccount();
  const call = invitesCall(account);
  const answer = useAnswer<InviteListAnswer>(call, { live: true });
  const [cancelled, setCancelled] = useState<InviteAnswer>();
  return (
    <AccountPage tab="invites" first={answer}>
      <div class="cols flush">
        <div class="stack">
          <section class="card" aria-labelledby="invites">
            <header>
              <h2 id="invites">{words.title}</h2>
            </header>
            <Loaded answer={answer} url={call}>
              {({ data }) =>
                data.length === 0 ? (
                  <p class="empty-state">{words.none}</p>
                ) : (
                  <ul class="list">
                    {data.map((one) => (
                      <li key={one.id}>
                        <span class="two">
                          <a href={`/u/${one.invitee}`}>{one.invitee}</a>
                          <span class="sub">
                            {words.detail(memberWords.roles[one.role], one.team)} ·{" "}
                            {words.by(one.inviter_username)} · <Since time={one.created_at} />
                          </span>
                        </span>
                        <button
                          type="button"
                          class="btn small end"
                          onClick={() => setCancelled(one)}
                        >
                          {words.cancel}
                          <span class="sr"> {one.invitee}</span>
                        </button>
                      </li>
                    ))}
                  </ul>
                )
              }
            </Loaded>
          </section>
        </div>
        <aside class="stack" aria-label={words.new}>
          <New />
        </aside>
      </div>
      {cancelled && (
        <Confirm
          title={words.cancelTitle(cancelled.invitee)}
          action={words.cancel}
          isDangerous
          onClose={() => setCancelled(undefined)}
          onConfirm={() => send("DELETE", `/v2/invites/${cancelled.id}`)}
        >
          <p>{words.cancelHint}</p>
        </Confirm>
      )}
    </AccountPage>
  );
}

function New() {
  const { account } = useAccount();
  const id = useId();
  const teams = useAnswer<{ readonly results: readonly TeamAnswer[] }>(
    organisationPath(account, "/groups?page_size=100"),
  );
  const [names, setNames] = useState("");
  const [role, setRole] = useState<Role>("member");
  const [team, setTeam] = useState("");
  const [sent, setSent] = useState<SentInvitesAnswer>();
  const form = useSubmit(
    () =>
      send<SentInvitesAnswer>("POST", "/v2/invites/bulk", {
        org: account,
        invitees: namesIn(names),
        role,
        ...(team === "" ? {} : { team }),
      }),
    (result) => {
      setSent(result);
      setNames("");
    },
  );
  return (
    <section class="card" aria-labelledby="new">
      <header>
        <h2 id="new">{words.new}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <div class="field">
          <label htmlFor={`${id}-names`}>{words.names}</label>
          <textarea
            id={`${id}-names`}
            aria-describedby={`${id}-hint`}
            value={names}
            required
            onInput={({ currentTarget }) => setNames(currentTarget.value)}
          />
          <span class="hint" id={`${id}-hint`}>
            {words.namesHint}
          </span>
        </div>
        <SelectField
          label={words.role}
          options={(Object.entries(memberWords.roles) as [Role, string][]).toReversed()}
          value={role}
          onValue={setRole}
        />
        <SelectField
          label={words.team}
          options={[
            ["", words.noTeam],
            ...(teams.data?.results ?? [])
              .filter(({ name }) => name !== "owners")
              .map(({ name }) => [name, name] as const),
          ]}
          value={team}
          onValue={setTeam}
        />
        <p class="sub">{words.sentHint}</p>
        <Submit action={words.send} form={{ ...form, isSaved: false }} />
        <div role="status">
          <ul>
            {sent?.invitees.map(({ invitee, status }) => (
              <li key={invitee}>
                <b>
                  <Text of={invitee} />
                </b>{" "}
                {words.status[status]}
              </li>
            ))}
          </ul>
        </div>
      </form>
    </section>
  );
}
