import { startBerth, type Berth } from "./berth.ts";
import { writeOciLayout } from "./oci-layout.ts";
import { createScratch } from "./scratch.ts";
import { createSmallImage } from "./small-image.ts";

/** Somebody with a secret to log in with. */
export interface Login {
  readonly name: string;
  readonly secret: string;
}

/** A Berth with accounts, and who there is. */
export interface AccountsStage {
  readonly berth: Berth;
  /** The client's home. */
  readonly folder: string;
  /** Writes an image that was never there before into a new folder, as an OCI layout with the tag {@link tag}. */
  readonly newLayout: () => string;
  readonly mia: Login;
  /** Mia with an access token that may push, and with one that may only pull. */
  readonly miaWriting: Login;
  readonly miaReading: Login;
  /** The organisation `team` with an access token for pushes to `team/*`. */
  readonly team: Login;
}

/** Repositories of the story that each client goes through. */
export const names = {
  private: "mia/private",
  public: "mia/public",
  missing: "mia/missing",
  team: "team/app",
} as const;

/** One that is a version too, for charts. */
export const tag = "1.0.0";

/** A Berth at its first start; its command line then makes the accounts, as an administrator would. */
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
