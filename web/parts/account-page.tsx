import type { ComponentChildren } from "preact";
import type { NamespaceAnswer } from "../../src/api/accounts.ts";
import { namespaceCall } from "../account-calls.ts";
import { ask, useAnswer, type Answer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { FailedPage } from "../pages/not-found.tsx";
import { useParams } from "../router.ts";
import { useSession } from "../session.ts";
import { account as words } from "../words/account.ts";
import { PageHead, type Tab } from "./page-head.tsx";
import { Loading } from "./states.tsx";

type AccountTab = keyof typeof words.tabs;

/** The account of the page, and the role of the user in it. An administrator has the permissions of an owner. */
export function useAccount() {
  const { account = "" } = useParams();
  const { user, namespaces, is_open: isOpen } = useSession();
  const own = namespaces.find(({ name }) => name === account)?.role;
  const role = user?.is_admin === true ? "owner" : own;
  return {
    account,
    role,
    isOwner: role === "owner",
    mayCreate: isOpen || role === "owner" || role === "editor",
  };
}

/**
 * A page of an account: its head with the tabs that the user may open, and the content.
 * @param first the answer that the page needs; if it fails, its failure is the page
 */
export function AccountPage({
  tab,
  first,
  children,
}: {
  readonly tab: AccountTab;
  readonly first?: Answer<unknown>;
  readonly children: ComponentChildren;
}) {
  const { account } = useAccount();
  const call = namespaceCall(account);
  const answer = useAnswer<NamespaceAnswer>(call);
  const failed = [answer, first].find((one) => one !== undefined && one.data === undefined);
  if (failed?.failure !== undefined)
    return <FailedPage failure={failed.failure} onRetry={() => void ask(call)} />;
  if (answer.data === undefined) return <Loading />;
  return (
    <>
      <Head namespace={answer.data} tab={tab} />
      <main id="main" class="wrap page">
        {children}
      </main>
    </>
  );
}

function Head({
  namespace,
  tab,
}: {
  readonly namespace: NamespaceAnswer;
  readonly tab: AccountTab;
}) {
  const { name, kind, quota, is_mirror: isMirror, repository_count: count } = namespace;
  const { role, isOwner, mayCreate } = useAccount();
  const { user } = useSession();
  const shown: readonly AccountTab[] = [
    "repositories",
    ...(kind === "organisation" && role !== undefined ? (["members", "teams"] as const) : []),
    ...(kind === "organisation" && isOwner ? (["invites", "tokens"] as const) : []),
    ...(kind !== null && isOwner ? (["audit"] as const) : []),
    ...((kind === "organisation" && isOwner) || name === user?.username
      ? (["settings"] as const)
      : []),
  ];
  const tabs: readonly Tab[] = shown.map((one) => ({
    label: words.tabs[one],
    href: hrefOf(namespace, one),
    isCurrent: one === tab,
    count: one === "repositories" ? count : undefined,
  }));
  return (
    <PageHead title={name} label={words.label} tabs={tabs} lede={visibleText(namespace.full_name)}>
      {kind !== null && <span class="chip">{words.kinds[kind]}</span>}
      {isMirror && (
        <a class="chip info" href={`/mirrors/${name}`}>
          {words.mirror}
        </a>
      )}
      {quota && <span class="chip num">{words.used(quota.used_bytes, quota.limit_bytes)}</span>}
      {mayCreate && !isMirror && (
        <span class="end">
          <a class="btn" href={`/new?namespace=${name}`}>
            {words.newRepository}
          </a>
        </span>
      )}
    </PageHead>
  );
}

function hrefOf({ name, kind }: NamespaceAnswer, tab: AccountTab): string {
  if (tab === "repositories") return `/u/${name}`;
  return tab === "settings" && kind === "user" ? "/settings/profile" : `/u/${name}/-/${tab}`;
}
