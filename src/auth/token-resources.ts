/** Whether the path of a token's resource, in which `*` stands for any characters, means a repository. */
export function opensPath(pattern: string, name: string): boolean {
  // Each piece at its first place behind the one before it, so that time is linear in the name for every pattern.
  const [first = "", ...pieces] = pattern.split("*");
  const last = pieces.pop();
  if (last === undefined) return pattern === name;
  if (!name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let from = first.length;
  for (const piece of pieces) {
    const at = name.indexOf(piece, from);
    if (at === -1) return false;
    from = at + piece.length;
  }
  return from <= end;
}
