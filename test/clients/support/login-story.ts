import assert from "node:assert/strict";
import { test } from "node:test";
import { names, tag, type AccountsStage, type Login } from "./accounts.ts";
import { refusal } from "./command.ts";

/** The operations of one client. Each rejects with the output of the client. */
export interface LoginClient {
  readonly name: string;
  /** The login only stores the credential. The registry checks it at the next push. */
  readonly keepsUnseen?: true;
  login(who: Login): Promise<unknown>;
  logout(): Promise<unknown>;
  /** Pushes an image or artifact to `REPOSITORY:TAG`. */
  push(repository: string): Promise<unknown>;
  /** Pulls `REPOSITORY:TAG` from the registry, without the client's local copies. */
  pull(repository: string): Promise<unknown>;
  /** Patterns for the error messages of the client. */
  readonly says: {
    /** For a wrong credential: at the login, or with `keepsUnseen` at the push. */
    readonly wrongLogin: RegExp;
    /** For a pull without a login from a private or missing repository. */
    readonly pullDenied: RegExp;
    /** For a push without a login. */
    readonly pushDenied: RegExp;
    /** For a push with a login that has no permission to push. */
    readonly pushForbidden: RegExp;
  };
}

/**
 * Defines the tests of private and public repositories for one client: with a wrong login, without a login, and with
 * passwords and access tokens.
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

  test(`${name} reports a wrong password and pushes nothing`, async () => {
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

  test(`${name} logs in with the password and pushes to a private and a public repository`, async () => {
    await client.login(mia);
    await client.push(names.private);
    assert.notEqual(await digestIn(names.private), "");
    await client.push(names.public);
    assert.notEqual(await digestIn(names.public), "");
  });

  test(`${name} without a login reports the same error for a private and a missing repository`, async () => {
    await client.logout();
    const denied = await refusal(client.pull(names.private));
    assert.match(denied, says.pullDenied);
    const missing = await refusal(client.pull(names.missing));
    assert.equal(withoutNames(missing, names.missing), withoutNames(denied, names.private));
  });

  test(`${name} without a login pulls from a public repository, and its push is denied`, async () => {
    await client.pull(names.public);
    const answer = await leavesAlone(names.public, () => refusal(client.push(names.public)));
    assert.match(answer, says.pushDenied);
  });

  test(`${name} pulls from a private repository after a new login, and its pull is denied after logout`, async () => {
    await client.login(mia);
    await client.pull(names.private);
    await client.logout();
    assert.match(await refusal(client.pull(names.private)), says.pullDenied);
  });

  test(`${name} pushes with a token of scope repo:write, and only pulls with a token of scope repo:read`, async () => {
    await client.login(miaWriting);
    await client.push("mia/by-token");
    await client.logout();
    await client.login(miaReading);
    await client.pull("mia/by-token");
    const answer = await leavesAlone("mia/new", () => refusal(client.push("mia/new")));
    assert.match(answer, says.pushForbidden);
    await client.logout();
  });

  test(`${name} with an organisation's access token reaches only the repositories that the token names`, async () => {
    await client.login(team);
    await client.push(names.team);
    await client.pull(names.team);
    assert.match(await refusal(client.push(names.private)), says.pushForbidden);
    await refusal(client.pull(names.private));
    await client.logout();
    assert.match(await refusal(client.pull(names.team)), says.pullDenied);
  });
}

/** The output of a client without the parts that differ between repositories and runs. */
function withoutNames(said: string, repository: string): string {
  return (
    said
      .replaceAll(repository, "REPOSITORY")
      .replaceAll(/pulled-[\w-]+/g, "PLACE")
      .replaceAll(/time="?\S+/g, "TIME")
      // ctr prints its progress a variable number of times, also while it ends.
      .replaceAll(
        /^.*(?:resolving +\||elapsed: |"active check failed" error="context canceled").*\n/gm,
        "",
      )
  );
}
