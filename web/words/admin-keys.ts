/* Sentences about signing keys, on the page of administration. A second language is a second folder. */

export const keys = {
  title: "Signing keys",
  intro: "The server signs the bearer tokens of clients with the first key.",
  columns: { id: "Key", state: "State", created: "Created", ends: "Last token expires" },
  states: { signs: "signs", verifies: "verifies", expired: "expired" },
  rotate: "Rotate",
  rotateTitle: "Create a new signing key?",
  rotateHint:
    "The new key signs from now on. The earlier one verifies its tokens until the last of them expires, so no client notices.",
  rotated: (id: string) => `${id} signs now.`,
  remove: "Remove",
  removeOf: (id: string) => `Remove the key ${id}`,
  removeTitle: (id: string) => `Remove the key ${id}?`,
  removeExpired: "All of its tokens have expired. No client notices.",
  removeValid:
    "Tokens of this key are still valid. They become invalid at once: clients that use them log in again, and a push or pull that runs can fail.",
  removeSigns: "Rotate first: this key signs.",
};
