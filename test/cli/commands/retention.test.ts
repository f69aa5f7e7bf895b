import { describe, test } from "node:test";
import { startClosedBerth } from "../../support/closed.ts";
import { compare, remoteOf } from "../both-ways.ts";

describe("retention on a data folder and on a running server", async () => {
  const [one, other] = [await startClosedBerth(), await startClosedBerth()];
  for (const server of [one, other]) {
    await server.addUser("root", { is_admin: 1 });
    await server.addUser("mia");
    await server.addOrganisation("team", "mia");
    await server.pushImage("team/app", "mia", "private");
  }
  const ways = { folder: ["--data", one.data], server: remoteOf(other.port) };

  test("commands have the same output and exit codes both ways", () =>
    compare(
      [
        ["retention show team/app", /^0\nteam\/app has no rules: all tags stay\n/],
        ["retention set team/app", /^2\n\n.*write what stays, such as --keep-newest 20/],
        ["retention set team/app --keep-newest none", /^2\n\n.*the rule is invalid: keep_newest/],
        ["retention set team/app --pushed-within 90m", /^2\n\n.*90m is not a number of days/],
        ["retention set team/app --tags ( --keep-newest 1", /^1\n\n.*tag pattern "\("/],
        ["retention set team/app --tags v.* --keep-newest 1", /1 +v\.\* +the newest 1\n.*stay/s],
        ["retention set team/app --add --semver >=1 --keep-all", /2 +versions in >=1 +all\n/],
        ["retention set team/app --add --tags x --keep-signed", /3 +x +signed ones\n/],
        ["retention set team/app --untagged-after 7d", /v\.\*.*deleted after 7 days\n/s],
        ["retention show team/app --json", /"scope":"team\/app","rules":\[\{"tags":"v\.\*"/],
        [
          "retention plan team/app",
          /^0\nwould delete 0 tags and 0 manifests, and free 0 B; 1 tags/,
        ],
        ["retention plan team/app --kept", /keeps team\/app:1 \(rule 2: all stay; pushed TIME/],
        ["retention plan team", /^0\nwould delete 0 tags and 0 manifests\n/],
        ["retention run team/app --json", /"kind":"sum","dry_run":false,"tags":0,"manifests":0/],
        ["retention set team --none --untagged-after 30d", /no rules: all tags stay\n.*30 days/],
        ["retention remove team/app", /^0\nremoved the rules of team\/app\n/],
        ["retention remove team/app", /^1\n\n.*team\/app does not have its own retention policy/],
        ["retention show team/app", /^0\nthe rules of team:\nno rules: all tags stay\n/],
        ["retention remove team", /^0\n/],
      ],
      ways,
    ));
});
