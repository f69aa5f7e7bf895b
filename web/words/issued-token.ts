/* Sentences of the dialog with a new access token. A second language is a second folder. */

export const issued = {
  title: "The new access token",
  once: "Copy it now. It is not shown again.",
  copy: "Copy token",
  client: "Where the token is used",
  close: "Close",
  notCopied: "The token has not been copied. After closing it is not shown again.",
  closeAnyway: "Close without copying",
  pull: "Then pull:",
  kubernetes: "Create a secret, and name it in the pod or in the service account:",
  github: "Store the token as the secret BERTH_TOKEN of the GitHub repository:",
  githubStep: "Log in, in a step of the workflow:",
  gitlab: "Store the token as a masked variable BERTH_TOKEN: Settings, CI/CD, Variables. Then:",
};
