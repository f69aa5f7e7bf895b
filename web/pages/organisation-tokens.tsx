import type { OrganisationTokenPageAnswer } from "../../src/api/tokens.ts";
import { organisationPath, organisationTokensCall } from "../account-calls.ts";
import { useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { AccountPage, useAccount } from "../parts/account-page.tsx";
import { Pages } from "../parts/list-tools.tsx";
import { NewOrganisationToken } from "../parts/new-organisation-token.tsx";
import { Loaded } from "../parts/states.tsx";
import { TokenTable } from "../parts/token-table.tsx";
import { usePlace } from "../router.ts";
import { organisationTokens as words } from "../words/organisation.ts";
import { tokens as tokenWords } from "../words/tokens.ts";

type Listed = OrganisationTokenPageAnswer["results"][number];

/** The access tokens of an organisation. */
export function Page() {
  const { account } = useAccount();
  const { url } = usePlace();
  const path = organisationPath(account, "/access-tokens");
  const call = organisationTokensCall(account, url.searchParams);
  const answer = useAnswer<OrganisationTokenPageAnswer>(call, { live: true });
  return (
    <AccountPage tab="tokens" first={answer}>
      <div class="cols flush">
        <div class="stack">
          <section class="card" aria-labelledby="tokens">
            <header>
              <h2 id="tokens">{tokenWords.list}</h2>
            </header>
            <p class="body sub">{words.intro(account)}</p>
            <Loaded answer={answer} url={call}>
              {({ results, total }) =>
                results.length === 0 ? (
                  <p class="empty-state">{words.none}</p>
                ) : (
                  <>
                    <TokenTable
                      path={path}
                      detail={words.repositories}
                      tokens={results.map((token) => ({
                        id: token.id,
                        label: token.label,
                        note: noteOf(token),
                        detail: <Reach paths={token.repositories} />,
                        lastUsed: token.last_used_at,
                        expires: token.expires_at,
                        isActive: token.is_active,
                      }))}
                    />
                    <Pages all={total} shown={results.length} />
                  </>
                )
              }
            </Loaded>
          </section>
        </div>
        <aside class="stack" aria-label={tokenWords.new}>
          <NewOrganisationToken path={path} />
        </aside>
      </div>
    </AccountPage>
  );
}

const noteOf = ({ description, created_by: creator }: Listed) =>
  [visibleText(description), creator && words.by(creator)].filter(Boolean).join(" · ");

const pathsAtOnce = 3;

/** The repositories that a token may reach. */
function Reach({ paths }: { readonly paths: readonly string[] }) {
  const { account } = useAccount();
  if (paths.includes(`${account}/*`)) return <>{words.all(account)}</>;
  const more = paths.slice(pathsAtOnce);
  return (
    <div>
      {paths.slice(0, pathsAtOnce).join(", ") || words.noRepositories}
      {more.length > 0 && (
        <details>
          <summary>{words.more(more.length)}</summary>
          {more.join(", ")}
        </details>
      )}
    </div>
  );
}
