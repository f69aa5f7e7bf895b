import { useState } from "preact/hooks";
import type { RepositoryAnswer, RepositoryUsageAnswer } from "../../src/api/repositories.ts";
import { hubCall, repositoryCall } from "../addresses.ts";
import { send, useAnswer } from "../answers.ts";
import { Confirm } from "../parts/dialog.tsx";
import { Field, Submit, useSubmit } from "../parts/field.tsx";
import { ImmutableTags } from "../parts/immutable-tags.tsx";
import { ReadmeEditor } from "../parts/readme-editor.tsx";
import { RepositoryPage, type OwnView } from "../parts/repository-head.tsx";
import { lazy } from "../parts/lazy.tsx";
import { showToast } from "../parts/toast.tsx";
import { go, useParams } from "../router.ts";
import { useSession } from "../session.ts";
import { errors, parts } from "../words/frame.ts";
import { settings as words } from "../words/repository-settings.ts";

const Retention = lazy(async () => (await import("../retention/retention.tsx")).Retention, {
  isQuiet: false,
});
const Webhooks = lazy(async () => (await import("../parts/webhooks.tsx")).Webhooks);

interface Shown {
  readonly repository: RepositoryAnswer;
}

/** Description, README, visibility, immutable tags, retention, webhooks and deletion; each card saves by itself. */
export function Page() {
  const { name = "" } = useParams();
  const { data: own } = useAnswer<OwnView>(hubCall(name));
  const { user } = useSession();
  return (
    <RepositoryPage tab="settings">
      {(repository) =>
        own?.permissions.admin === false ? (
          <p class="note warn">{errors.forbiddenHint}</p>
        ) : (
          <>
            <div class="narrow stack">
              <Description repository={repository} />
            </div>
            <ReadmeEditor repository={repository} />
            <div class="narrow stack">
              <Visibility repository={repository} />
              <ImmutableTags repository={repository} />
              <Retention
                scope={repository.name}
                call={repositoryCall(repository.name, "/-/retention")}
              />
              {user !== null && (
                <Webhooks call={repositoryCall(repository.name, "/-/webhooks")} of="repository" />
              )}
              <Deletion repository={repository} />
            </div>
          </>
        )
      }
    </RepositoryPage>
  );
}

function Description({ repository }: Shown) {
  const [text, setText] = useState(repository.description);
  const form = useSubmit(() => send("PATCH", hubCall(repository.name), { description: text }));
  return (
    <section class="card" aria-labelledby="description">
      <header>
        <h2 id="description">{words.description}</h2>
      </header>
      <form class="body form" onSubmit={form.onSubmit}>
        <Field
          label={words.description}
          hint={words.descriptionHint}
          value={text}
          onValue={setText}
          errors={form.errorsOf("description")}
        />
        <Submit action={parts.save} form={form} />
      </form>
    </section>
  );
}

function Visibility({ repository }: Shown) {
  const { name, is_private: isPrivate } = repository;
  const [isAsked, setAsked] = useState(false);
  return (
    <section class="card" aria-labelledby="visibility">
      <header>
        <h2 id="visibility">{words.visibility}</h2>
      </header>
      <div class="body stack">
        <p>{isPrivate ? words.private : words.public}</p>
        <div class="actions">
          <button type="button" class="btn" onClick={() => setAsked(true)}>
            {isPrivate ? words.publishNow : words.hideNow}
          </button>
        </div>
      </div>
      {isAsked && (
        <Confirm
          title={isPrivate ? words.publish(name) : words.hide(name)}
          action={isPrivate ? words.publishNow : words.hideNow}
          {...(isPrivate ? { typed: name } : {})}
          onClose={() => setAsked(false)}
          onConfirm={() => send("PATCH", hubCall(name), { is_private: !isPrivate })}
        >
          <p>{isPrivate ? words.publishHint : words.hideHint}</p>
        </Confirm>
      )}
    </section>
  );
}

function Deletion({ repository }: Shown) {
  const { name } = repository;
  const [isAsked, setAsked] = useState(false);
  const { data } = useAnswer<RepositoryUsageAnswer>(repositoryCall(name, "/-/sizes"));
  return (
    <section class="card" aria-labelledby="delete">
      <header>
        <h2 id="delete">{words.delete}</h2>
      </header>
      <div class="body stack">
        <p>{words.deleteHint(repository.tag_count, repository.pull_count)}</p>
        {data && <p>{words.frees(data.unique_bytes)}</p>}
        <div class="actions">
          <button type="button" class="btn danger" onClick={() => setAsked(true)}>
            {words.deleteOpen}
          </button>
        </div>
      </div>
      {isAsked && (
        <Confirm
          title={words.deleteTitle(name)}
          action={words.deleteNow}
          typed={name}
          isDangerous
          onClose={() => setAsked(false)}
          onConfirm={async () => {
            const result = await send("DELETE", repositoryCall(name), undefined, {
              asksAgain: false,
            });
            if (!result.ok) return result;
            showToast({ text: words.deleted(name) });
            go(`/u/${name.split("/")[0] ?? ""}`);
            return result;
          }}
        >
          <p>{words.deleteHint(repository.tag_count, repository.pull_count)}</p>
          {data && <p>{words.frees(data.unique_bytes)}</p>}
          <p>{words.deleteFinal}</p>
        </Confirm>
      )}
    </section>
  );
}
