import { useState } from "preact/hooks";
import type { AdminUserAnswer } from "../../src/api/administration.ts";
import { adminPath, usersCall } from "../admin-calls.ts";
import { send, useAnswer } from "../answers.ts";
import { visibleText } from "../format.ts";
import { usePlace } from "../router.ts";
import { useSession } from "../session.ts";
import { users as words } from "../words/admin-accounts.ts";
import { ManageUser } from "../parts/admin-user.tsx";
import { AdminPage, Commands } from "../parts/admin-page.tsx";
import { Check, Field, useSubmit, FormDialog } from "../parts/field.tsx";
import { ListCard, SearchInput } from "../parts/list-tools.tsx";
import { Since } from "../parts/text.tsx";
import { showToast } from "../parts/toast.tsx";

interface UserPage {
  readonly count: number;
  readonly results: readonly AdminUserAnswer[];
}

/** All users of the registry. */
export function Page() {
  const { url } = usePlace();
  const call = usersCall(url.searchParams);
  const answer = useAnswer<UserPage>(call, { live: true });
  const [asked, setAsked] = useState<AdminUserAnswer | "new">();
  const close = () => setAsked(undefined);
  return (
    <AdminPage first={answer} call={call}>
      <ListCard
        title={words.title}
        actions={
          <button type="button" class="btn small primary" onClick={() => setAsked("new")}>
            {words.new}
          </button>
        }
        tools={<SearchInput label={words.search} />}
        answer={answer}
        call={call}
        empty={words.none}
        footer={<Commands lines={["berth user list", "berth user add NAME"]} />}
      >
        {(results) => <Table users={results} onManage={setAsked} />}
      </ListCard>
      {asked === "new" && <NewUser onClose={close} />}
      {asked !== undefined && asked !== "new" && <ManageUser user={asked} onClose={close} />}
    </AdminPage>
  );
}

function Table({
  users,
  onManage,
}: {
  readonly users: readonly AdminUserAnswer[];
  readonly onManage: (user: AdminUserAnswer) => void;
}) {
  const session = useSession();
  return (
    <table class="cards">
      <thead>
        <tr>
          <th>{words.columns.user}</th>
          <th>{words.columns.created}</th>
          <th>
            <span class="sr">{words.manage}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <tr key={user.username}>
            <td>
              <a href={`/u/${user.username}`}>{user.username}</a>{" "}
              {user.username === session.user?.username && <span class="sub">{words.you} </span>}
              {user.is_admin && <span class="chip accent">{words.administrator}</span>}{" "}
              {user.is_disabled && <span class="chip warn">{words.disabled}</span>}
              <div class="sub">
                {[user.full_name, user.email ?? ""].filter(Boolean).map(visibleText).join(" · ")}
              </div>
            </td>
            <td class="nw" data-label={words.columns.created}>
              <Since time={user.created_at} />
            </td>
            <td class="r act">
              <button
                type="button"
                class="btn small"
                aria-label={words.manageOf(user.username)}
                onClick={() => onManage(user)}
              >
                {words.manage}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function NewUser({ onClose }: { readonly onClose: () => void }) {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [fullName, setFullName] = useState("");
  const [email, setEmail] = useState("");
  const [isAdmin, setAdmin] = useState(false);
  const [takesOver, setTakesOver] = useState(false);
  const form = useSubmit(
    () =>
      send("POST", `${adminPath}/users`, {
        username: name.trim(),
        password,
        ...(fullName === "" ? {} : { full_name: fullName }),
        ...(email === "" ? {} : { email }),
        is_admin: isAdmin,
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
        errors={form.errorsOf("username")}
        autocomplete="off"
        required
      />
      <Field
        label={words.password}
        hint={words.passwordHint}
        type="password"
        value={password}
        onValue={setPassword}
        errors={form.errorsOf("password")}
        autocomplete="new-password"
        minLength={8}
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
        label={words.email}
        type="email"
        value={email}
        onValue={setEmail}
        errors={form.errorsOf("email")}
        autocomplete="off"
        maxLength={254}
      />
      <Check label={words.isAdmin} isChecked={isAdmin} onChange={setAdmin} />
      <Check label={words.takeOver} isChecked={takesOver} onChange={setTakesOver} />
      <Commands lines={[`berth user add ${name.trim() || "NAME"}${isAdmin ? " --admin" : ""}`]} />
    </FormDialog>
  );
}
