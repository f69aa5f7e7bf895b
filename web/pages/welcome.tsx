import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { RepositoryItemAnswer } from "../../src/api/repositories.ts";
import type { PersonalTokenPageAnswer } from "../../src/api/tokens.ts";
import { firstRepositoriesCall, ownTokensCall } from "../account-calls.ts";
import { repositoryAddress } from "../addresses.ts";
import { useAnswer } from "../answers.ts";
import { FirstTasks } from "../parts/first-tasks.tsx";
import { Block, Prompt } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Since } from "../parts/text.tsx";
import { isPlainHttp, useSession } from "../session.ts";
import { frame } from "../words/frame.ts";
import { welcome as words } from "../words/start.ts";

const clients = ["docker", "podman", "crane", "Windows"] as const;
type Client = (typeof clients)[number];

/** The commands that log in and push a first image. */
function commandsOf(client: Client, host: string, user: string | undefined) {
  const at = (image: string) => `${host}/${user === undefined ? "" : `${user}/`}${image}`;
  const plain = (flag: string) => (isPlainHttp() ? ` ${flag}` : "");
  const name = user ?? "";
  switch (client) {
    case "docker":
      return {
        logIn: `docker login -u ${name} ${host}`,
        push: [
          "docker pull alpine",
          `docker tag alpine ${at("alpine")}`,
          `docker push ${at("alpine")}`,
        ],
      };
    case "podman":
      return {
        logIn: `podman login${plain("--tls-verify=false")} -u ${name} ${host}`,
        push: [
          "podman pull docker.io/library/alpine",
          `podman push${plain("--tls-verify=false")} docker.io/library/alpine ${at("alpine")}`,
        ],
      };
    case "crane":
      return {
        logIn: `crane auth login -u ${name} --password-stdin ${host}`,
        push: [`crane copy${plain("--insecure")} alpine ${at("alpine")}`],
      };
    case "Windows": {
      const image = "mcr.microsoft.com/windows/nanoserver:ltsc2022";
      return {
        logIn: `docker login -u ${name} ${host}`,
        push: [
          `docker pull ${image}`,
          `docker tag ${image} ${at("nanoserver:ltsc2022")}`,
          `docker push ${at("nanoserver:ltsc2022")}`,
        ],
      };
    }
  }
}

/** What the user has done, asked again every 3 s. */
function useProgress() {
  const { user, is_open: isOpen } = useSession();
  const namespace = user?.username ?? (isOpen ? "library" : undefined);
  const { data } = useAnswer<{ readonly results: readonly RepositoryItemAnswer[] }>(
    namespace === undefined ? undefined : firstRepositoriesCall(namespace, 100),
    { live: true },
  );
  const tokens = useAnswer<PersonalTokenPageAnswer>(
    user === null ? undefined : ownTokensCall(new URLSearchParams()),
    { live: true },
  );
  const pushed = data?.results
    .filter((one) => one.tag_count > 0)
    .toSorted((one, other) => other.last_updated.localeCompare(one.last_updated))[0];
  // The registry records the last use of a token, and not of a password: then the first push shows the login.
  const usedToken = tokens.data?.results.find((one) => one.last_used !== null);
  return { pushed, hasLoggedIn: pushed !== undefined || usedToken !== undefined };
}

/** How a new user, or the administrator of a new registry, pushes a first image. */
export function Page() {
  const { user, host, is_open: isOpen } = useSession();
  const [client, setClient] = useState<Client>("docker");
  const { pushed, hasLoggedIn } = useProgress();
  const { logIn, push } = commandsOf(client, host, isOpen ? undefined : (user?.username ?? "NAME"));
  const isSignedIn = user !== null || isOpen;
  return (
    <main id="main" class="wrap page">
      <div class="plain-head">
        <h1>{words.title}</h1>
        <div class="seg end" role="group" aria-label={words.client}>
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
      </div>
      <p class="lede">{words.intro}</p>
      {!isSignedIn && (
        <p class="note">
          {words.signInFirst}
          <a class="btn primary small" href="/sign-in?to=/welcome">
            {frame.signIn}
          </a>
        </p>
      )}
      {isPlainHttp() && (client === "docker" || client === "Windows") && <PlainHttp />}
      <ol class="card list steps">
        {!isOpen && (
          <Step title={words.logIn} isDone={hasLoggedIn} isNext={isSignedIn}>
            <Prompt command={logIn} />
            <p class="sub">
              {words.logInHint}{" "}
              <a class="link" href="/settings/tokens">
                {words.createToken}
              </a>
            </p>
          </Step>
        )}
        <Step
          title={words.push}
          isDone={pushed !== undefined}
          isNext={isSignedIn && (isOpen || hasLoggedIn)}
          time={pushed?.last_updated}
        >
          {client === "Windows" && <p class="sub">{words.windowsHint}</p>}
          {push.map((command) => (
            <Prompt key={command} command={command} />
          ))}
        </Step>
        <Step title={words.appears} isDone={pushed !== undefined} isNext={false}>
          {pushed === undefined ? (
            <p class="sub">{words.appearsHint}</p>
          ) : (
            <div class="actions">
              <a class="btn primary" href={repositoryAddress(pushed.name)}>
                {pushed.short_name}
              </a>
            </div>
          )}
        </Step>
      </ol>
      {user?.is_admin === true && <FirstTasks />}
    </main>
  );
}

/** One step, with a tick when it has been done. */
const Step = ({
  title,
  isDone,
  isNext,
  time,
  children,
}: {
  readonly title: string;
  readonly isDone: boolean;
  /** The page waits for it. */
  readonly isNext: boolean;
  readonly time?: string | undefined;
  readonly children: ComponentChildren;
}) => (
  <li class={isDone ? "done" : undefined}>
    <span class="mark">{isDone && <Icon name="check" />}</span>
    <div class="stack">
      <div class="pair">
        <h2>{title}</h2>
        <span class="sub" role="status">
          {isDone ? words.done : isNext ? words.waiting : ""}
          {isDone && time !== undefined && (
            <>
              {" "}
              <Since time={time} />
            </>
          )}
        </span>
      </div>
      {children}
    </div>
  </li>
);

function PlainHttp() {
  const { host } = useSession();
  return (
    <section class="card" aria-labelledby="plain-http">
      <header>
        <h2 id="plain-http">{words.plainHttp}</h2>
      </header>
      <div class="body stack">
        <p>{words.plainHttpHint}</p>
        <Block text={`{ "insecure-registries": ["${host}"] }`} />
      </div>
    </section>
  );
}
