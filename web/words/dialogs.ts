/* Sentences of the dialogs of the frame. A second language is a second folder. */

export const dialogs = {
  shortcuts: "Keyboard shortcuts",
  apiTitle: "The API calls of this page",
  apiHint: "Every page uses the public API. Signed in by a token, the same calls work in a script.",
  shortcutsOff: "Single-key shortcuts are on",
  close: "Close",
  keys: [
    ["/", "Search"],
    ["g e", "Explore"],
    ["g m", "Mirrors"],
    ["t", "Tags of this repository"],
    ["c", "Copy the pull command"],
    ["?", "Keyboard shortcuts"],
  ] as const,
};
