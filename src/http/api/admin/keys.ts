import {
  createdKeySchema,
  keyListSchema,
  removeKeyQuery,
  type KeyAnswer,
} from "../../../api/server.ts";
import { timeOf, timeOrNull } from "../../../api/fields.ts";
import type { KeyRing } from "../../../auth/signing-keys/keys.ts";
import { HubError } from "../../hub/errors.ts";
import { route, type HubRequest, type Route } from "../../route.ts";
import { root } from "../repositories.ts";
import type { Administration } from "./administration.ts";

interface Parts {
  readonly administration: Pick<Administration, "keyRing" | "recordChange">;
}

const requires = { of: "administrator" } as const;
const path = `${root}/admin/keys`;
const keysAtMost = 1000;

/** Routes of the keys that sign tokens, for administrators. */
export function keyRoutes({ administration }: Parts): readonly Route[] {
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "The keys that sign and verify tokens, the signing key first",
      answer: keyListSchema,
      handle: async () => {
        const keyRing = keyRingOf(administration);
        const keys = await keyRing.list();
        return { keys: keys.slice(0, keysAtMost).map((key) => presentKey(keyRing, key)) };
      },
    }),
    route({
      method: "post",
      path,
      requires,
      summary: "Creates a new signing key; the earlier one verifies until its tokens expire",
      answer: createdKeySchema,
      status: 201,
      handle: async ({ actor }) => {
        const keyRing = keyRingOf(administration);
        await administration.recordChange(actor, "server.key.create", "keys");
        const { id, algorithm } = await keyRing.rotate();
        return { id, algorithm };
      },
    }),
    route({
      method: "delete",
      path: `${path}/:id`,
      requires,
      summary: "Removes a key; its tokens become invalid",
      query: removeKeyQuery,
      status: 204,
      handle: ({ actor, params, query }) =>
        remove(administration, actor, params["id"] ?? "", query.force === "true"),
    }),
  ];
}

async function remove(
  administration: Parts["administration"],
  actor: HubRequest["actor"],
  id: string,
  force: boolean,
): Promise<void> {
  const keyRing = keyRingOf(administration);
  const outcome = await keyRing.check(id, force);
  if (outcome.kind === "unknown") throw new HubError(404, `there is no key ${id}`);
  if (outcome.kind === "signs")
    throw new HubError(409, `${id} is the signing key: rotate the keys first`);
  if (outcome.kind === "in use") {
    const until = timeOf(outcome.endsAtMs);
    throw new HubError(
      409,
      `tokens of ${id} are valid until ${until}: remove it then, or force it`,
    );
  }
  await administration.recordChange(actor, "server.key.delete", id);
  await keyRing.remove(id, force);
}

/** In open mode no client is an administrator, so that no request gets here. */
function keyRingOf({ keyRing }: Parts["administration"]): KeyRing {
  if (keyRing === undefined) throw new HubError(404, "this server has no accounts and no keys");
  return keyRing;
}

function presentKey(
  keyRing: KeyRing,
  { id, algorithm, createdAtMs, endsAtMs }: Awaited<ReturnType<KeyRing["list"]>>[number],
): KeyAnswer {
  const isOver = keyRing.isOver(endsAtMs);
  return {
    id,
    algorithm,
    created_at: timeOf(createdAtMs),
    ends_at: timeOrNull(endsAtMs),
    state: endsAtMs === undefined ? "signs" : isOver ? "expired" : "verifies",
  };
}
