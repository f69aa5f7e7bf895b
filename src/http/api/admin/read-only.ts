import { timeOrNull } from "../../../api/fields.ts";
import { readOnlyBody, readOnlySchema, type ReadOnlyAnswer } from "../../../api/server.ts";
import type { ReadOnlyMode } from "../../../database/maintenance/read-only-mode.ts";
import { route, type Route } from "../../route.ts";
import { root } from "../repositories.ts";
import type { Administration } from "./administration.ts";

const requires = { of: "administrator" } as const;
const path = `${root}/admin/read-only`;

/** Routes of read-only mode, for administrators. */
export function readOnlyRoutes({
  administration: { readOnly },
}: {
  readonly administration: Pick<Administration, "readOnly">;
}): readonly Route[] {
  return [
    route({
      method: "get",
      path,
      requires,
      summary: "Whether the registry is read-only, since when and why",
      answer: readOnlySchema,
      handle: async () => present(await readOnly.find()),
    }),
    route({
      method: "put",
      path,
      requires,
      summary: "Makes the registry read-only, or ends it: pushes, deletions and changes are 503",
      body: readOnlyBody,
      answer: readOnlySchema,
      handle: async ({ actor, body }) => {
        if (body.read_only) return present(await readOnly.start(actor, body.reason));
        await readOnly.end(actor);
        return present(undefined);
      },
    }),
  ];
}

const present = (mode: ReadOnlyMode | undefined): ReadOnlyAnswer => ({
  read_only: mode !== undefined,
  reason: mode?.reason ?? "",
  since: timeOrNull(mode?.changedAtMs),
  changed_by: mode?.changedBy ?? null,
});
