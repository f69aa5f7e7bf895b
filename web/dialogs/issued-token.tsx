import type { ComponentChildren } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { askBeforeLeaving } from "../router.ts";
import { isPlainHttp, useSession } from "../session.ts";
import { parts } from "../words/frame.ts";
import { issued as words } from "../words/issued-token.ts";
import { Block, CopyButton, Prompt } from "../parts/copy.tsx";
import { Dialog } from "../parts/dialog.tsx";

const clients = ["docker", "podman", "Kubernetes", "GitHub", "GitLab"] as const;
type Client = (typeof clients)[number];

/**
 * The secret of a new access token, with the lines that use it. It is shown once: closing the dialog or leaving the page
 * asks until it has been copied.
 */
export function IssuedToken({
  secret,
  user,
  repository,
  onClose,
}: {
  readonly secret: string;
  /** With which name clients log in. */
  readonly user: string;
  /** An image to pull with it. */
  readonly repository: string | undefined;
  readonly onClose: () => void;
}) {
  const [isCopied, setCopied] = useState(false);
  const [asksToClose, setAsks] = useState(false);
  // Escape closes a dialog of HTML in any case: a new one opens with the question.
  const [turn, openAgain] = useReducer<number, undefined>((one) => one + 1, 0);
  const [client, setClient] = useState<Client>("docker");
  const close = () => {
    if (isCopied) return onClose();
    setAsks(true);
    openAgain(undefined);
  };
  useEffect(() => {
    if (isCopied) return undefined;
    askBeforeLeaving(() => setAsks(true));
    return () => askBeforeLeaving(undefined);
  }, [isCopied]);
  const copied = () => {
    setCopied(true);
    setAsks(false);
  };
  return (
    <Dialog key={turn} title={words.title} onClose={close}>
      {/* Selecting the text and Ctrl+C also count as copying. */}
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div class="form" onCopy={copied}>
        <p>{words.once}</p>
        <div class="prompt">
          <code data-token="">{secret}</code>
          <CopyButton text={secret} label={words.copy} onCopied={copied} />
        </div>
        <div class="seg" role="group" aria-label={words.client}>
          {clients.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={one === client}
              onClick={() => setClient(one)}
            >
              {one}
            </button>
          ))}
        </div>
        <Lines {...{ client, secret, user, repository, onCopied: copied }} />
      </div>
      {asksToClose && (
        <p class="note warn" role="alert">
          {words.notCopied}
        </p>
      )}
      <div class="actions">
        {asksToClose ? (
          <button type="button" class="btn danger" onClick={onClose}>
            {words.closeAnyway}
          </button>
        ) : (
          <button type="button" class="btn" onClick={close}>
            {words.close}
          </button>
        )}
      </div>
    </Dialog>
  );
}

/** What one client needs to log in with the token. */
function Lines({
  client,
  secret,
  user,
  repository,
  onCopied,
}: {
  readonly client: Client;
  readonly secret: string;
  readonly user: string;
  readonly repository: string | undefined;
  readonly onCopied: () => void;
}): ComponentChildren {
  const { host } = useSession();
  const step = (text: string) => <p class="sub">{text}</p>;
  const pull = repository !== undefined && (
    <>
      {step(words.pull)}
      <Prompt command={`${client === "podman" ? client : "docker"} pull ${host}/${repository}`} />
    </>
  );
  switch (client) {
    case "docker":
    case "podman": {
      const tls = client === "podman" && isPlainHttp() ? " --tls-verify=false" : "";
      const login = `${client} login${tls} -u ${user} --password-stdin ${host}`;
      return (
        <>
          <Prompt command={`echo ${secret} | ${login}`} onCopied={onCopied} />
          {client === "docker" && isPlainHttp() && step(parts.plainHttp(host))}
          {pull}
        </>
      );
    }
    case "Kubernetes":
      return (
        <>
          {step(words.kubernetes)}
          <Block
            text={`kubectl create secret docker-registry berth \\\n  --docker-server=${host} \\\n  --docker-username=${user} \\\n  --docker-password=${secret}`}
            onCopied={onCopied}
          />
          <Block text={"imagePullSecrets:\n  - name: berth"} />
        </>
      );
    case "GitHub":
      return (
        <>
          {step(words.github)}
          <Prompt command={`gh secret set BERTH_TOKEN --body ${secret}`} onCopied={onCopied} />
          {step(words.githubStep)}
          <Block
            text={`- uses: docker/login-action@v3\n  with:\n    registry: ${host}\n    username: ${user}\n    password: \${{ secrets.BERTH_TOKEN }}`}
          />
        </>
      );
    case "GitLab":
      return (
        <>
          {step(words.gitlab)}
          <Block
            text={`before_script:\n  - echo "$BERTH_TOKEN" | docker login -u ${user} --password-stdin ${host}`}
          />
        </>
      );
  }
}
