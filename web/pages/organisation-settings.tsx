import { useState } from "preact/hooks";
import type { NamespaceAnswer } from "../../src/api/accounts.ts";
import type { NamespaceUsageAnswer, RepositoryItemAnswer } from "../../src/api/repositories.ts";
import {
  changeOrganisationPath,
  firstRepositoriesCall,
  namespaceCall,
  usageCall,
} from "../account-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Meter } from "../parts/charts.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { Loaded } from "../parts/states.tsx";
import { lazy } from "../parts/lazy.tsx";
import { Size } from "../parts/text.tsx";
import { repositories } from "../words/account.ts";
import { organisationSettings as words } from "../words/organisation.ts";
import { errors, parts } from "../words/frame.ts";

const Retention = lazy(async () => (await import("../retention/retention.tsx")).Retention, {
  isQuiet: false,
});
const Webhooks = lazy(async () => (await import("../parts/webhooks.tsx")).Webhooks);

/** The full name of an organisation, its storage, retention and webhooks. */
export function Page() {
  const { account, isOwner } = useAccount();
  const { data } = useAnswer<NamespaceAnswer>(namespaceCall(account));
  return (
    <AccountPage tab="settings">
      <div class="two-columns">
        <div class="stack">
          {!isOwner && <p class="note warn">{errors.forbiddenHint}</p>}
          {data && isOwner && <FullName namespace={data} />}
          <Storage quota={data?.quota ?? null} />
          {isOwner && <Retention scope={account} call={`${namespaceCall(account)}/retention`} />}
          {isOwner && <Webhooks call={`${namespaceCall(account)}/webhooks`} of="namespace" />}
        </div>
        <ByRepository />
      </div>
    </AccountPage>
  );
}

function FullName({ namespace }: { readonly namespace: NamespaceAnswer }) {
  const [fullName, setFullName] = useState(namespace.full_name);
  const form = useSubmit(() =>
    send("PATCH", changeOrganisationPath(namespace.name), { full_name: fullName }),
  );
  return (
    <section class="card" aria-labelledby="full-name">
      <header>
        <h2 id="full-name">{words.title}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field
          label={words.fullName}
          hint={words.fullNameHint}
          value={fullName}
          onValue={setFullName}
          errors={form.errorsOf("full_name")}
          maxLength={100}
        />
        <Submit action={parts.save} form={form} />
      </form>
    </section>
  );
}

function Storage({ quota }: { readonly quota: NamespaceAnswer["quota"] }) {
  const { account } = useAccount();
  const call = usageCall(account);
  const answer = useAnswer<NamespaceUsageAnswer>(call);
  return (
    <section class="card" aria-labelledby="storage">
      <header>
        <h2 id="storage">{words.storage}</h2>
      </header>
      <div class="body stack">
        {quota !== null && quota.limit_bytes !== null && (
          <Meter
            value={quota.used_bytes}
            limit={quota.limit_bytes}
            label={words.quotaLabel(quota.used_bytes, quota.limit_bytes)}
          />
        )}
        <Loaded answer={answer} url={call} lines={3}>
          {(usage) => (
            <dl class="facts">
              <dt>{words.quota}</dt>
              <dd>
                {quota === null || quota.limit_bytes === null ? (
                  words.noQuota
                ) : (
                  <Size bytes={quota.limit_bytes} />
                )}
              </dd>
              {quota !== null && (
                <>
                  <dt>{words.used}</dt>
                  <dd>
                    <Size bytes={quota.used_bytes} />
                  </dd>
                </>
              )}
              <dt>{words.bytes}</dt>
              <dd>
                <Size bytes={usage.bytes} />
              </dd>
              <dt>{words.shared}</dt>
              <dd>
                <Size bytes={usage.shared_bytes} />
              </dd>
              <dt>{words.unique}</dt>
              <dd>
                <Size bytes={usage.unique_bytes} />
              </dd>
            </dl>
          )}
        </Loaded>
        <p class="sub">{words.quotaHint}</p>
      </div>
    </section>
  );
}

/** At most as many rows as a page of the API has. */
const rowsAtMost = 100;
const shownAtMost = 20;

function ByRepository() {
  const { account } = useAccount();
  const call = firstRepositoriesCall(account, rowsAtMost);
  const answer = useAnswer<{
    readonly next: string | null;
    readonly results: readonly RepositoryItemAnswer[];
  }>(call);
  return (
    <section class="card" aria-labelledby="by-repository">
      <header>
        <h2 id="by-repository">{words.byRepository}</h2>
      </header>
      <Loaded answer={answer} url={call}>
        {({ results, next }) => {
          const largest = results.toSorted((one, other) => other.storage_size - one.storage_size);
          return (
            <>
              {results.length === 0 && <p class="empty-state">{repositories.empty}</p>}
              <ul class="list">
                {largest.slice(0, shownAtMost).map((one) => (
                  <li key={one.name}>
                    <a href={repositoryAddress(one.name)}>{one.name}</a>
                    <span class="end">
                      <Size bytes={one.storage_size} />
                    </span>
                  </li>
                ))}
              </ul>
              <p class="body sub">
                {words.byRepositoryHint} {next !== null && words.firstOnly(rowsAtMost)}
              </p>
            </>
          );
        }}
      </Loaded>
    </section>
  );
}
