import { useState } from "preact/hooks";
import type { AdminOrganisationAnswer } from "../../src/api/administration.ts";
import { changeOrganisationPath } from "../account-calls.ts";
import { api } from "../addresses.ts";
import { adminOrganisationPath, organisationsCall } from "../admin-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { usePlace } from "../router.ts";
import { admin } from "../words/admin.ts";
import { organisations as words } from "../words/admin-accounts.ts";
import { DeleteAccount } from "../parts/admin-account.tsx";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Check, Field, useSubmit, FormDialog } from "../parts/field.tsx";
import { ListCard, SearchInput } from "../parts/list-tools.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";

interface OrganisationPage {
  readonly count: number;
  readonly results: readonly AdminOrganisationAnswer[];
}

/** All organisations of the registry. */
export function Page() {
  const { url } = usePlace();
  const call = organisationsCall(url.searchParams);
  const answer = useAnswer<OrganisationPage>(call, { live: true });
  const [isNew, setNew] = useState(false);
  const [deleted, setDeleted] = useState<string>();
  return (
    <AdminPage first={answer} call={call}>
      <ListCard
        title={words.title}
        actions={
          <button type="button" class="btn small primary" onClick={() => setNew(true)}>
            {words.new}
          </button>
        }
        tools={<SearchInput label={words.search} />}
        answer={answer}
        call={call}
        empty={url.searchParams.has("search") ? words.none : words.empty}
        footer={<Commands lines={["berth org list", "berth org add NAME --owner USER"]} />}
      >
        {(results) => <Table organisations={results} onDelete={setDeleted} />}
      </ListCard>
      {isNew && <NewOrganisation onClose={() => setNew(false)} />}
      {deleted !== undefined && (
        <DeleteAccount
          name={deleted}
          title={words.deleteTitle(deleted)}
          details={adminOrganisationPath(deleted)}
          path={changeOrganisationPath(deleted)}
          command={`berth org delete ${deleted}`}
          onClose={() => setDeleted(undefined)}
        >
          <p>{words.deleteHint}</p>
        </DeleteAccount>
      )}
    </AdminPage>
  );
}

const Table = ({
  organisations,
  onDelete,
}: {
  readonly organisations: readonly AdminOrganisationAnswer[];
  readonly onDelete: (name: string) => void;
}) => (
  <table class="cards">
    <thead>
      <tr>
        <th>{words.columns.name}</th>
        <th>{words.columns.created}</th>
        <th>
          <span class="sr">{admin.delete}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {organisations.map(({ name, full_name: fullName, created_at: created }) => (
        <tr key={name}>
          <td>
            <a href={`/u/${name}`}>{name}</a>
            {fullName !== "" && <div class="sub">{visibleText(fullName)}</div>}
          </td>
          <td class="nw" data-label={words.columns.created}>
            <Since time={created} />
          </td>
          <td class="r act">
            <button
              type="button"
              class="btn small"
              aria-label={words.deleteOf(name)}
              onClick={() => onDelete(name)}
            >
              {admin.delete}
            </button>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

function NewOrganisation({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [fullName, setFullName] = useState("");
  const [owner, setOwner] = useState("");
  const [takesOver, setTakesOver] = useState(false);
  const form = useSubmit(
    () =>
      send("POST", `${api}/organisations`, {
        name: name.trim(),
        full_name: fullName,
        ...(owner.trim() === "" ? {} : { owner: owner.trim() }),
        take_over: takesOver,
      }),
    () => {
      showToast({ text: words.created(name.trim()) });
      onClose();
    },
  );
  return (
    <FormDialog title={words.new} action={words.create} form={form} onClose={onClose}>
      <Field
        label={words.name}
        hint={words.nameHint}
        value={name}
        onValue={setName}
        errors={form.errorsOf("name")}
        autocomplete="off"
        required
      />
      <Field
        label={words.fullName}
        value={fullName}
        onValue={setFullName}
        errors={form.errorsOf("full_name")}
        autocomplete="off"
        maxLength={100}
      />
      <Field
        label={words.owner}
        hint={words.ownerHint}
        value={owner}
        onValue={setOwner}
        errors={form.errorsOf("owner")}
        autocomplete="off"
      />
      <Check label={words.takeOver} isChecked={takesOver} onChange={setTakesOver} />
    </FormDialog>
  );
}
