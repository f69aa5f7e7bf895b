import type { Rejection } from "../database/rejections.ts";
import { OciError } from "../oci/errors.ts";
import type { RepositoryName } from "../oci/name.ts";

/** The client error for a rejected command. */
export function rejectionError(rejection: Rejection, repository: RepositoryName): OciError {
  switch (rejection.rejected) {
    case "absent":
      return new OciError("NAME_UNKNOWN", "there is no such repository, and a push makes none", {
        detail: { name: repository },
      });
    case "forbidden":
      return new OciError("DENIED", "you may not make a repository in this namespace", {
        detail: { name: repository },
      });
    case "immutable":
      return new OciError("DENIED", `the tag ${rejection.tag} is immutable`, {
        detail: { name: repository, tag: rejection.tag },
      });
    case "quota": {
      const { what, namespace, limitBytes, usedBytes, addedBytes } = rejection;
      const needs = what === "upload" ? "needs" : "has";
      return new OciError(
        "DENIED",
        `the quota of ${namespace} is ${limitBytes} bytes: ${usedBytes} are used, and this ${what} ${needs} ${addedBytes}`,
        { detail: { namespace, limitBytes, usedBytes, addedBytes } },
      );
    }
  }
}
