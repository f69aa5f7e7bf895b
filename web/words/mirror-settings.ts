/* Sentences about the settings of mirrors. A second language is a second folder. */

export const mirrorSettings = {
  add: "Add mirror…",
  addTitle: "Add a mirror",
  create: "Add mirror",
  change: "Settings…",
  changeTitle: (namespace: string) => `Settings of ${namespace}`,
  save: "Save",
  remove: "Remove…",
  removeTitle: (namespace: string) => `Remove the mirror ${namespace}?`,
  removeHint:
    "Its cached images stay, as ordinary repositories, but nothing is fetched from the upstream any more.",
  removeNow: "Remove mirror",
  configured:
    "This mirror is in the configuration of the server: change it there, and send SIGHUP to the server.",
  namespace: "Namespace",
  namespaceHint: "The first part of its names here, usually the host of the registry.",
  upstream: "Upstream",
  username: "Account at the upstream",
  usernameHint: "Leave it empty if the upstream needs none.",
  password: "Password of this account",
  passwordKept: "It stays as it is if this is empty. Type it again if you change the upstream.",
  cache: "Limit of the cache, in GB",
  cacheHint: "Empty: no limit.",
  allow: "Only these repositories",
  deny: "Never these repositories",
  globsHint: "Globs such as library/*, separated by spaces.",
  isPublic: "Everyone may pull",
  isRoot: "Also for names that this registry does not host",
  allowPrivate: "The upstream may have a private address",
  isInsecure: "Do not verify the certificate of the upstream",
  commandLine: (command: string) => `The command line has more settings: ${command} --help`,
};
