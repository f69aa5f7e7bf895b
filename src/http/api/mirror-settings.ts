import {
  mirrorChangesBody,
  mirrorSchema,
  newMirrorBody,
  type MirrorAnswer,
} from "../../api/mirrors.ts";
import { route, type HubRequest, type Route } from "../route.ts";
import type { Administration } from "./admin/administration.ts";
import { root } from "./repositories.ts";

const path = `${root}/mirrors`;
const requires = { of: "administrator" } as const;

/**
 * Routes that add, change and remove mirrors.
 * @param show answers the mirror of `namespace`
 */
export const mirrorSettingsRoutes = (
  { mirrorChanges }: Pick<Administration, "mirrorChanges">,
  show: (request: HubRequest) => Promise<MirrorAnswer>,
): readonly Route[] => [
  route({
    method: "post",
    path,
    requires,
    summary: "Adds a mirror",
    body: newMirrorBody,
    answer: mirrorSchema,
    status: 201,
    handle: async (request) => {
      const { actor, body } = request;
      await mirrorChanges.add(actor, body);
      return show({ ...request, namespace: body.namespace });
    },
  }),
  route({
    method: "patch",
    path: `${path}/:namespace`,
    requires,
    summary: "Changes the given settings of a mirror that the API has added",
    body: mirrorChangesBody,
    answer: mirrorSchema,
    handle: async (request) => {
      const { actor, namespace, body } = request;
      await mirrorChanges.change(actor, namespace, body);
      return show(request);
    },
  }),
  route({
    method: "delete",
    path: `${path}/:namespace`,
    requires,
    summary: "Removes a mirror that the API has added; its repositories stay",
    status: 204,
    handle: ({ actor, namespace }) => mirrorChanges.remove(actor, namespace),
  }),
];
