import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { pushBlob } from "../../support/berth.ts";
import { startClosedBerth } from "../../support/closed.ts";
import { compare, remoteOf, secretFile } from "../both-ways.ts";
import { berth } from "../support.ts";

describe("commands on a data folder and on a running server", async () => {
  // Two registries with the same content, so that both change theirs.
  const [one, other] = [await startClosedBerth(), await startClosedBerth()];
  for (const server of [one, other]) {
    await server.addUser("root", { is_admin: 1 });
    await server.addUser("mia");
    await server.addOrganisation("team", "mia");
    await server.pushImage("team/app", "mia", "private");
  }
  const ways = { folder: ["--data", one.data], server: remoteOf(other.port) };

  test("webhooks are the same, also where a change is refused", async () => {
    const of = (scope: string) =>
      compare(
        [
          [`webhook list${scope}`, /^0\n\nno webhooks/],
          [
            `webhook create https://example.com/a --events push,tag.deleted${scope}`,
            /^0\ncreated webhook ID\nsecret: SECRET\n/,
          ],
          [`webhook list${scope}`, /^0\nID {2}https:\/\/example\.com\/a {2}cloudevents {2}on {2}/],
          [
            `webhook create http://10.0.0.1/${scope}`,
            /^1\n\n.*10\.0\.0\.1 is an address that is not public/,
          ],
          [`webhook create https://a.example/ --format hub --events pull${scope}`, /^1\n\n.*hub/],
          [`webhook create https://a.example/ --events all${scope}`, /^2\n\n.*all is no event/],
          [`webhook delete none${scope}`, /^1\n\n.*there is no webhook none/],
          [`webhook ping none${scope}`, /^1\n\n.*there is no webhook none/],
          [`webhook deliveries none${scope}`, /^1\n\n.*there is no webhook none/],
        ],
        ways,
      );
    await of(" --of team/app");
    await of(" --of team");
    await of("");
    await compare(
      [["webhook create https://example.com/a --of team/none", /^1\n\n.*there is no repository/]],
      { folder: ways.folder, server: ways.folder },
    );
  });

  test("read-only mode is the same", () =>
    compare(
      [
        ["read-only show", /^0\nthe registry accepts pushes and deletions\n/],
        [
          "read-only on --reason disks",
          /^0\nthe registry is read-only since TIME, by WHO: disks\n/,
        ],
        ["read-only show --json", /"read_only":true,"reason":"disks"/],
        ["read-only on", /^0\nthe registry is read-only since TIME, by WHO\n/],
        ["read-only off", /^0\nthe registry accepts pushes and deletions\n/],
        ["read-only off", /^0\nthe registry accepts pushes and deletions\n/],
        [`read-only on --reason ${"x".repeat(201)}`, /^2\n\n.*at most 200 characters/],
      ],
      ways,
    ));

  test("users are the same, also where a change is refused", () =>
    compare(
      [
        ["user add tom --full-name Tom", /^0\nuser tom added\n/, "a long password\n"],
        ["user add tom", /^1\n\n.*there is an account tom already/, "a long password\n"],
        ["user add UPPER", /^1\n\n/, "a long password\n"],
        ["user add eve --admin --json", /"admin":true/, "a long password\n"],
        ["user add ann", /^1\n\n.*from 8 to 1024/, "short\n"],
        ["user disable tom", /^0\ntom is disabled\n/],
        ["user disable tom", /^0\ntom is disabled already\n/],
        ["user list", /tom \(disabled, Tom\)/],
        ["user list --json", /"name":"tom","admin":false,"disabled":true/],
        ["user enable tom", /^0\ntom is enabled\n/],
        ["user promote tom", /^0\ntom is an administrator\n/],
        ["user demote tom", /^0\ntom is not an administrator\n/],
        ["user password tom", /^0\nthe password of tom is set\n/, "another password\n"],
        ["user delete mia", /^1\n\n.*mia is the last owner of team/],
        ["user delete none", /^1\n\n.*there is no user none/],
        ["user delete tom", /^0\nuser tom deleted\n/],
      ],
      ways,
    ));

  test("organisations, teams and their permissions are the same", () =>
    compare(
      [
        ["org add ops --owner mia --full-name Operations", /^0\norganisation ops added; /],
        ["org add ops", /^1\n\n.*there is an account ops already/],
        ["org list", /ops \(Operations\)/],
        ["org member add ops root --role editor", /^0\nroot is an editor of ops\n/],
        ["org member list ops --json", /"user":"root","role":"editor"/],
        ["org member role ops root member", /^0\nroot is a member of ops\n/],
        ["org member role ops mia member", /^1\n\n.*last owner/],
        ["org member remove ops root", /^0\nremoved root from ops\n/],
        ["org delete ops", /^0\norganisation ops deleted\n/],
        ["org delete team", /^1\n\n.*team has repositories \(1\)/],
        ["team add team devs --description Developers", /^0\nteam devs of team added\n/],
        ["team add team devs", /^1\n\n.*has a team devs already/],
        ["team list team", /^0\ndevs \(members: 0\): Developers\n/],
        ["org member add team root", /^0\n/],
        ["team member add team devs root", /^0\nadded root to team devs\n/],
        ["team grant team devs team/app write", /^0\nteam devs has write on team\/app\n/],
        ["team show team devs", /^0\nmember root\nwrite team\/app\n/],
        ["team revoke team devs team/app", /^0\nteam devs has no permission on team\/app\n/],
        ["team member remove team devs root", /^0\nremoved root from team devs\n/],
        ["team delete team devs", /^0\nteam devs of team deleted\n/],
        ["team show team devs", /^1\n\n/],
      ],
      ways,
    ));

  test("access tokens, quotas and the audit log are the same", () =>
    compare(
      [
        ["token create mia --label ci --scope repo:read --expires 30d", /^0\nSECRET\n/],
        ["token create mia --label ci", /^1\n\n/],
        ["token create team --label robot --resource team/*=pull --json", /"label":"robot"/],
        ["token list mia", /^0\nID ci: repo:read, expires TIME, used never\n/],
        ["token list team --json", /"resources":\[{"type":"TYPE_REPO"/],
        ["token revoke mia none", /^1\n\n.*mia has no access token none/],
        ["token list nobody", /^1\n\n.*there is no account nobody/],
        [
          "quota list --json",
          /"namespace":"team","used_bytes":\d+,"limit_bytes":null,"is_own":false/,
        ],
        ["quota set team 50GB", /^0\nthe quota of team is 50\.0 GB; it uses/],
        ["quota set team 1MiB", /^0\nthe quota of team is 1\.0 MiB; it uses/],
        ["quota list", /^0\nteam {2}\d+ B {2}of 1\.0 MiB\n/],
        ["quota remove team", /^0\nremoved the quota of team\n/],
        ["quota remove team", /^1\n\n.*team does not have its own quota/],
        ["audit --account team --limit 3", /^0\nTIME WHO: org\.quota\.remove team\n/],
        [
          "audit --action org.quota --csv",
          /time,actor,account,action,subject,data,address\n.*,org\.quota\.remove,/,
        ],
        ["audit --action org.quota --json", /"action":"org\.quota\.set"/],
      ],
      ways,
    ));

  test("a garbage collection and its dry run are the same", async () => {
    for (const server of [one, other]) {
      await pushBlob(server.as("mia"), "mia/unused", "the same unused bytes");
      await server.exec(
        "UPDATE blob_reviews SET due_at = 0; UPDATE blob_links SET leased_until = 0",
      );
    }
    await compare(
      [
        ["gc --dry-run --now", /would delete blob sha256:\w+ from mia\/unused/],
        ["gc --now --json", /"kind":"bytes".*\n.*"kind":"sum","dry_run":false/s],
        ["gc", /^0\nfreed 0 B: 0 manifests/],
      ],
      ways,
    );
  });

  test("a server is only administered with the password of an administrator", async () => {
    const run = (...more: string[]) =>
      berth(["user", "list", "--host", `http://127.0.0.1:${other.port}`, ...more]);
    const asMia = await run("--login", "mia", "--password-file", secretFile);
    assert.deepEqual([asMia.code, asMia.stdout], [1, ""]);
    assert.match(asMia.stderr, /you do not have permission/);
    const half = await run("--login", "root");
    assert.match(half.stderr, /--login and --password-file belong together/);
    const both = await run("--data", one.data);
    assert.match(both.stderr, /leave --data and --config away/);
    const away = await berth(["user", "list", "--data", one.data, "--login", "root"]);
    assert.match(
      away.stderr,
      /--login, --password-file, --ca and --insecure are for a running server: add --host/,
    );
  });
});
