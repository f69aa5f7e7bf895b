import { startBerth, type Berth } from "./berth.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { createScratch } from "./scratch.ts";
import { createSmallImage } from "./small-image.ts";

/** The name of an account, and a password or access token. */
export interface Login {
  readonly name: string;
  readonly secret: string;
}

/** A Berth with accounts, and their logins. */
export interface AccountsStage {
  readonly berth: Berth;
  /** The home folder of the client. */
  readonly folder: string;
  /** Writes a new image with unique bytes into a new folder, as an OCI layout with the tag {@link tag}. */
  readonly newLayout: () => string;
  readonly mia: Login;
  /** The user `mia` with an access token of scope `repo:write`, and with one of scope `repo:read`. */
  readonly miaWriting: Login;
  readonly miaReading: Login;
  /** The organisation `team` with an access token for pushes to `team/*`. */
  readonly team: Login;
}

/** The repositories in the tests of each client. */
export const names = {
  private: "mia/private",
  public: "mia/public",
  missing: "mia/missing",
  team: "team/app",
} as const;

/** The tag is also a semantic version, as helm requires. */
export const tag = "1.0.0";

/** Starts a Berth, and creates the accounts with its command line, as an administrator does. */
export async function openAccountsStage(client: string): Promise<AccountsStage> {
  const berth = await startBerth({ open: false });
  const secret = "mia's long password";
  await berth.administer(["user", "add", "mia"], `${secret}\n`);
  await berth.administer(["org", "add", "team", "--owner", "mia"]);
  await berth.administer(["repo", "create", names.public, "--public"]);
  const personal = async (scope: string): Promise<Login> => {
    const create = ["token", "create", "mia", "--label", scope, "--scope", scope];
    return { name: "mia", secret: (await berth.administer(create)).trim() };
  };
  const resources = ["--resource", "team/*=push", "--resource", "team=create"];
  const robot = await berth.administer([
    ...["token", "create", "team", "--label", "ci"],
    ...resources,
  ]);
  const folder = createScratch(client);
  return {
    ...{ berth, folder },
    newLayout() {
      const layout = createScratch("layout");
      writeOciLayout(layout, tag, createSmallImage());
      return layout;
    },
    mia: { name: "mia", secret },
    miaWriting: await personal("repo:write"),
    miaReading: await personal("repo:read"),
    team: { name: "team", secret: robot.trim() },
  };
}
