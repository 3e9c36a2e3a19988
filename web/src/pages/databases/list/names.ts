// What a database may be called: CouchDB's rules, said before the server has to.

const SYSTEM = ["_users", "_replicator", "_global_changes"];
const ENCODED_MAX = 238;

/** Why it can't be one, "" when it can. */
export function nameProblem(name: string): string {
  if (!name) return "A database needs a name.";
  if (SYSTEM.includes(name)) return "";
  if (name.startsWith("_")) return `Names that begin with an underscore are CouchDB's own: ${SYSTEM.join(", ")}.`;
  if (/[A-Z]/.test(name)) return "Only small letters: capitals are not allowed.";
  if (!/^[a-z]/.test(name)) return "It has to begin with a letter from a to z.";
  const bad = /[^a-z0-9_$()+/-]/u.exec(name)?.[0];
  if (bad) return `It may not contain ${bad.trim() ? `“${bad}”` : "white space"}.`;
  if (encodeURIComponent(name).length > ENCODED_MAX) return `It is too long: ${ENCODED_MAX} characters are the most, and a slash counts as three.`;
  return "";
}

/** The rules in words. */
export const NAME_RULES = "Small letters a–z, digits, and any of _ $ ( ) + - /. It begins with a letter.";
