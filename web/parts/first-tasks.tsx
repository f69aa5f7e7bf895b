import { useSession } from "../session.ts";
import { welcome as words } from "../words/start.ts";
import { Prompt } from "./copy.tsx";

const mirror =
  "berth mirror add docker.io https://registry-1.docker.io --public --root --cache-size 50GB";

/** What the administrator of a new registry does next. */
export function FirstTasks() {
  const { host, has_mirrors: hasMirrors } = useSession();
  return (
    <div class="two-columns">
      <section class="card" aria-labelledby="people">
        <header>
          <h2 id="people">{words.people}</h2>
          <span class="end">
            <a class="btn small" href="/admin/users">
              {words.users}
            </a>
          </span>
        </header>
        <div class="body stack">
          <p>{words.peopleHint}</p>
          <Prompt command="berth user add mia" />
          <Prompt command="berth org add team --owner mia" />
        </div>
      </section>
      {!hasMirrors && (
        <section class="card" aria-labelledby="mirror">
          <header>
            <h2 id="mirror">{words.mirror}</h2>
            <span class="end">
              <a class="btn small" href="/mirrors">
                {words.mirrors}
              </a>
            </span>
          </header>
          <div class="body stack">
            <p>{words.mirrorHint}</p>
            <Prompt command={mirror} />
            <p>{words.mirrorPull}</p>
            <Prompt command={`docker pull ${host}/docker.io/library/alpine`} />
          </div>
        </section>
      )}
    </div>
  );
}
