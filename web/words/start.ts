/* Sentences of the page for a new repository, and of the first steps. A second language is a second folder. */

export const newRepository = {
  title: "New repository",
  signInFirst: "Sign in to create a repository.",
  namespace: "Namespace",
  name: "Name",
  rule: "Lower-case letters and digits, with one of . _ __ - between them. A / begins a further part.",
  full: (name: string) => `The repository is ${name}`,
  exists: (name: string) => `Open ${name}`,
  description: "Description",
  descriptionHint: "At most 100 bytes. It is shown in lists and in the search.",
  visibility: "Visibility",
  private: "Private",
  privateHint: "Only users with a permission see it.",
  public: "Public",
  publicHint: "Everyone who reaches this registry may pull from it.",
  create: "Create repository",
  createOnPush: "A push creates a missing repository, too.",
  noCreateOnPush: "In this registry a push does not create a repository.",
};

export const welcome = {
  title: "First steps",
  intro: "Push a first image. The steps are checked while you do them.",
  signInFirst: "Sign in, so that this page shows what has been done.",
  client: "Client",
  logIn: "Log in",
  logInHint: "With your password, or with an access token of this machine:",
  createToken: "Create an access token",
  push: "Push an image",
  appears: "It appears here",
  appearsHint: "The link to the repository appears here as soon as the push has ended.",
  done: "done",
  waiting: "waiting …",
  plainHttp: "Before: allow plain HTTP",
  plainHttpHint:
    "This registry has no TLS. Docker needs its name in the file daemon.json, and a restart; Docker Desktop: Settings, Docker Engine.",
  windowsHint: "On a Windows host with Windows containers:",
  people: "Let people in",
  peopleHint: "Each user has a namespace. Members of an organisation share one.",
  users: "Users",
  mirror: "Mirror Docker Hub",
  mirrorHint:
    "Pulls of Docker Hub's images through this registry are kept here. Add this to the configuration, and restart:",
  mirrorPull: "Then pull:",
};
