import assert from "node:assert/strict";
import { test } from "node:test";
import { names, tag, type AccountsStage, type Login } from "./accounts.ts";
import { refusal } from "./command.ts";

/** How one client does what they all do; every verb rejects with all that the client said. */
export interface LoginClient {
  readonly name: string;
  /** Its login asks nobody: what it keeps is looked at in the next push. */
  readonly keepsUnseen?: true;
  login(who: Login): Promise<unknown>;
  logout(): Promise<unknown>;
  /** Pushes something to `REPOSITORY:TAG`. */
  push(repository: string): Promise<unknown>;
  /** Pulls `REPOSITORY:TAG` from the registry, whatever the client has of it. */
  pull(repository: string): Promise<unknown>;
  /** What its user reads. */
  readonly says: {
    /** … of wrong credentials, when logging in; or, of a client that keeps them without asking, when pushing. */
    readonly wrongLogin: RegExp;
    /** … of a pull without a login, from what is private or not there. */
    readonly pullDenied: RegExp;
    /** … of a push without a login. */
    readonly pushDenied: RegExp;
    /** … of a push with a login that may not do so. */
    readonly pushForbidden: RegExp;
  };
}

/**
 * Private and public repositories as one client sees them: with a wrong login, without one, and with passwords and
 * access tokens.
 */
export function tellLoginStory(client: LoginClient, stage: AccountsStage): void {
  const { berth, mia, miaReading, miaWriting, team } = stage;
  const { name, says } = client;
  const digestIn = async (repository: string): Promise<string> => {
    const { status, digest } = await berth.manifest(repository, tag);
    return status === 200 ? digest : "";
  };
  const leavesAlone = async (repository: string, refused: () => Promise<string>) => {
    const before = await digestIn(repository);
    const answer = await refused();
    assert.equal(await digestIn(repository), before);
    return answer;
  };

  test(`${name} login with a wrong password fails, and nothing can be pushed`, async () => {
    const wrong = { name: "mia", secret: "not mia's password" };
    if (client.keepsUnseen) {
      await client.login(wrong);
      assert.match(await refusal(client.push(names.private)), says.wrongLogin);
    } else {
      assert.match(await refusal(client.login(wrong)), says.wrongLogin);
      assert.match(await refusal(client.push(names.private)), says.pushDenied);
    }
    assert.equal(await digestIn(names.private), "");
  });

  test(`${name} login with the password, and push to a private repository`, async () => {
    await client.login(mia);
    await client.push(names.private);
    assert.notEqual(await digestIn(names.private), "");
    await client.push(names.public);
    assert.notEqual(await digestIn(names.public), "");
  });

  test(`${name} pull without a login is denied after logout, as if nothing were there`, async () => {
    await client.logout();
    const denied = await refusal(client.pull(names.private));
    assert.match(denied, says.pullDenied);
    const missing = await refusal(client.pull(names.missing));
    assert.equal(withoutNames(missing, names.missing), withoutNames(denied, names.private));
  });

  test(`${name} pulls what is public without a login, and may not push to it`, async () => {
    await client.pull(names.public);
    const answer = await leavesAlone(names.public, () => refusal(client.push(names.public)));
    assert.match(answer, says.pushDenied);
  });

  test(`${name} pulls what is private after another login`, async () => {
    await client.login(mia);
    await client.pull(names.private);
    await client.logout();
    assert.match(await refusal(client.pull(names.private)), says.pullDenied);
  });

  test(`${name} login with a personal access token pushes and pulls as far as its scope goes`, async () => {
    await client.login(miaWriting);
    await client.push("mia/by-token");
    await client.logout();
    await client.login(miaReading);
    await client.pull("mia/by-token");
    const answer = await leavesAlone("mia/new", () => refusal(client.push("mia/new")));
    assert.match(answer, says.pushForbidden);
    await client.logout();
  });

  test(`${name} login with an organisation's access token reaches what it names`, async () => {
    await client.login(team);
    await client.push(names.team);
    await client.pull(names.team);
    assert.match(await refusal(client.push(names.private)), says.pushForbidden);
    await refusal(client.pull(names.private));
    await client.logout();
    assert.match(await refusal(client.pull(names.team)), says.pullDenied);
  });
}

/** What a client said of a repository, without what is different each time. */
function withoutNames(said: string, repository: string): string {
  return (
    said
      .replaceAll(repository, "REPOSITORY")
      .replaceAll(/pulled-[\w-]+/g, "PLACE")
      .replaceAll(/time="?\S+/g, "TIME")
      // ctr draws its progress as often as it has time to.
      .replaceAll(/^.*(?:resolving +\||elapsed: ).*\n/gm, "")
  );
}
