import type * as z from "zod";
import type { Accounts } from "../../accounts/accounts.ts";
import {
  newPasswordBody,
  profileBody,
  profileSchema,
  userLookupQuery,
  userLookupSchema,
  type ProfileAnswer,
  type UserLookupAnswer,
} from "../../api/accounts.ts";
import { timeOf } from "../../api/fields.ts";
import { lookedUpAtMost } from "../../api/limits.ts";
import type { Sessions } from "../../auth/sessions.ts";
import { HubError } from "../hub/errors.ts";
import type { HubCatalog } from "../hub/hub.ts";
import { userOf } from "../hub/requests.ts";
import type { ClientInfo } from "../middleware/client-info.ts";
import { unavailableOnDatabaseError } from "../middleware/unavailable.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import { root } from "./repositories.ts";

interface Parts {
  readonly hub: Pick<HubCatalog, "accounts">;
  readonly accounts: Pick<Accounts, "users" | "profiles">;
  readonly sessions: Sessions | undefined;
  readonly clientInfo: ClientInfo;
}

const password = { of: "password" } as const;

/** Routes of the calling user in Berth's own API, and the look-up of other users. */
export function profileRoutes(parts: Parts): readonly Route[] {
  const { hub, accounts } = parts;
  const profileOf = async (name: string): Promise<ProfileAnswer> => {
    const { fullName, email, isAdmin, createdAtMs } = await hub.accounts.user(name);
    const created = timeOf(createdAtMs);
    return { username: name, full_name: fullName, email, is_admin: isAdmin, created };
  };
  return [
    route({
      method: "get",
      path: `${root}/user`,
      requires: { of: "user" },
      summary: "The calling user",
      answer: profileSchema,
      handle: ({ session }) => profileOf(userOf({ session }).name),
    }),
    route({
      method: "patch",
      path: `${root}/user`,
      requires: password,
      summary: "Changes the full name or the email address of the calling user",
      body: profileBody,
      answer: profileSchema,
      handle: async ({ session, actor, body: { full_name: fullName, email } }) => {
        const { name } = userOf({ session });
        await accounts.profiles.change(
          actor,
          { name, kind: "user" },
          { fullName, email: email === "" ? null : email },
        );
        return profileOf(name);
      },
    }),
    route({
      method: "post",
      path: `${root}/user/password`,
      requires: password,
      summary: "Changes the password of the calling user, and ends the user's other sessions",
      body: newPasswordBody,
      status: 204,
      handle: (request) => changePassword(parts, request),
    }),
    route({
      method: "get",
      path: `${root}/users`,
      requires: { of: "user" },
      summary: "The users whose names begin with the prefix; at most 10",
      query: userLookupQuery,
      answer: userLookupSchema,
      handle: async ({ query: { prefix } }): Promise<UserLookupAnswer> => {
        const found = await accounts.profiles.usersBeginning(prefix, lookedUpAtMost);
        return {
          users: found.map(({ name, fullName }) => ({ username: name, full_name: fullName })),
        };
      },
    }),
  ];
}

/** A wrong current password counts as a wrong login: a stolen session must not be a way to guess the password. */
async function changePassword(
  { accounts, sessions, clientInfo }: Parts,
  { ctx, session, actor, body }: HubRequest<unknown, z.output<typeof newPasswordBody>>,
): Promise<void> {
  const { name } = userOf({ session });
  const credentials = { name, secret: body.current };
  const checked = await unavailableOnDatabaseError(async () =>
    sessions?.identify(credentials, clientInfo.peerOf(ctx.req)),
  );
  const isPassword = checked?.principal.kind === "user" && checked.principal.by === "password";
  if (!isPassword) {
    const message = "this is not the current password";
    throw new HubError(400, `current: ${message}`, { fields: { current: [message] } });
  }
  await accounts.users.setPassword(actor, name, body.new, session?.browserSession);
}
