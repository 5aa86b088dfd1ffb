// Where to go after a login (OWASP ASVS 3.7.2): one of the paths below, letter
// by letter. Nothing of what a URL says is ever taken apart, decoded or joined.

const ACCOUNT = "/app/account";

const TARGETS = new Set([
  ACCOUNT,
  `${ACCOUNT}#profile`,
  `${ACCOUNT}#devices`,
  `${ACCOUNT}#password`,
  `${ACCOUNT}#address`,
  `${ACCOUNT}#ways`,
  `${ACCOUNT}#activity`,
  `${ACCOUNT}#data`,
]);

/** `wanted` if it is one of the known places, else the account. */
export function nextTarget(wanted) {
  return TARGETS.has(wanted) ? wanted : ACCOUNT;
}

/** The address of the login page that says `note` and leads back to `wanted`. */
export function loginAddress(note, wanted) {
  const query = new URLSearchParams();
  if (note) query.set("note", note);
  const target = nextTarget(wanted);
  if (target !== ACCOUNT) query.set("next", target);
  return query.size ? `/app/login?${query}` : "/app/login";
}
