// An account that exists: connecting it, disconnecting it, and proving again who one is.

import { PASSWORD } from "../api.mjs";

async function fromASession({ world, api, checks }) {
  const ann = await world.person();
  const address = `other-${ann.email}`;
  const account = await api.register(address);
  const linked = await api.signIn(ann.sub, "/identities/oidc", { return_to: "/account" });
  checks.equal("connected", [linked.status, linked.user_id, linked.created], [200, account.user_id, false]);
  checks.equal("and led back", linked.return_to, "/account");
  const [identity, ...others] = await api.identities();
  checks.equal("one identity", others, []);
  checks.equal("it is listed", [identity.provider, identity.email], ["oidc", ann.email]);
  const elsewhere = await api.stranger().signIn(ann.sub);
  checks.equal("it is a way in", [elsewhere.status, elsewhere.user_id], [200, account.user_id]);

  const bob = api.stranger();
  const other = await bob.register(`bob-${ann.email}`);
  const taken = await bob.signIn(ann.sub, "/identities/oidc");
  checks.equal("nobody else connects it", [taken.status, taken.code], [409, "identity_taken"]);
  checks.equal("nothing is connected there", await bob.identities(), []);
  const stillHere = await bob.call("GET", "/profile");
  checks.equal("whose session goes on", stillHere.user_id, other.user_id);
  const nobody = await api.stranger().start("/identities/oidc");
  checks.equal("connecting needs a session", nobody.status, 401);
}

/** The next pupil connects in a browser in which the last one is still signed in at the provider. */
async function sharedMachine({ world, api, checks }) {
  const [last, next] = [await world.person(), await world.person()];
  const signedIn = await api.signIn(last.sub);
  checks.equal("the last one signs in", signedIn.status, 200);
  await api.register(`other-${next.email}`);
  const linked = await api.signIn(next.sub, "/identities/oidc");
  checks.equal("the provider asks who is there", [linked.status, api.wasAsked], [200, true]);
  const emails = (await api.identities()).map(({ email }) => email);
  checks.equal("it is the next one who is connected", emails, [next.email]);
}

/** The answer to a link that one session began, in the session of another account. */
async function othersSession({ world, api, checks }) {
  const mallory = await world.person();
  await api.register(`mine-${mallory.email}`);
  const back = await api.visit(await api.start("/identities/oidc"), mallory.sub);
  const victim = api.stranger();
  await victim.register(`theirs-${mallory.email}`);
  const refused = await victim.callback(back);
  checks.equal("the answer is not for another session", [refused.status, refused.code], [401, "invalid_flow"]);
  checks.equal("nothing is connected", await victim.identities(), []);

  // The same browser, in which somebody else logs in meanwhile.
  const next = await api.visit(await api.start("/identities/oidc"), mallory.sub);
  await api.register(`later-${mallory.email}`);
  const late = await api.callback(next);
  checks.equal("nor for a later one in the same browser", [late.status, late.code], [401, "invalid_flow"]);
  checks.equal("nothing is connected there", await api.identities(), []);
}

async function byPassword({ world, api, checks }) {
  const ann = await world.person();
  const account = await api.register(ann.email);
  const visitor = api.stranger();
  const asked = await visitor.signIn(ann.sub);
  checks.equal("an account exists", [asked.status, asked.code], [409, "link_required"]);
  checks.that("with a ticket", Boolean(asked.ticket) && asked.expires_in > 0, asked);
  checks.equal("no start anew by an address that is not believed", asked.can_start_anew, false);
  checks.equal("nobody is logged in", (await visitor.call("GET", "/profile")).status, 401);
  const { ticket } = asked;
  const link = (person, proof) => person.call("POST", "/identities/link", { ticket, ...proof });
  const none = await link(visitor, {});
  checks.equal("a proof is needed", [none.status, none.code], [401, "proof_required"]);
  const wrong = await link(visitor, { current_password: `${PASSWORD}?` });
  checks.equal("a wrong password", [wrong.status, wrong.code], [401, "invalid_credentials"]);
  const anew = await link(visitor, { start_anew: true });
  checks.that("nor is it removed", anew.status >= 400, anew);
  const linked = await link(visitor, { current_password: PASSWORD });
  checks.equal("the right one connects", [linked.status, linked.user_id], [200, account.user_id]);
  const again = await api.stranger().signIn(ann.sub);
  checks.equal("from then on it is a way in", [again.status, again.user_id], [200, account.user_id]);
  const used = await link(api.stranger(), { current_password: PASSWORD });
  checks.equal("the ticket is used", [used.status, used.code], [401, "invalid_flow"]);
}

async function byASession({ world, api, checks }) {
  const ann = await world.person();
  const account = await api.register(ann.email);
  const asked = await api.stranger().signIn(ann.sub);
  const bob = api.stranger();
  await bob.register(`bob-${ann.email}`);
  const { ticket } = asked;
  const foreign = await bob.call("POST", "/identities/link", { ticket });
  checks.equal("another account's session is no proof", [foreign.status, foreign.code], [401, "proof_required"]);
  const linked = await api.call("POST", "/identities/link", { ticket });
  checks.equal("a session of the account is", linked.status, 200);
  checks.that("said in words", Boolean(linked.message), linked);
  const again = await api.stranger().signIn(ann.sub);
  checks.equal("from then on it is a way in", [again.status, again.user_id], [200, account.user_id]);
}

async function unlink({ world, api, checks }) {
  const ann = await world.person();
  await api.signIn(ann.sub);
  const [only] = await api.identities();
  // What the provider remembers is no proof of now.
  const early = await api.call("DELETE", `/identities/${only.identity_id}`);
  checks.equal("it needs a recent proof", [early.status, early.code], [403, "recent_login_required"]);
  checks.that("which the provider can give", early.methods?.includes("fed"), early.methods);
  await api.signIn(ann.sub, "/reauthenticate", { method: "fed", provider: "oidc" });
  const refused = await api.call("DELETE", `/identities/${only.identity_id}`);
  checks.equal("the last way in stays", [refused.status, refused.code], [409, "last_credential"]);
  const bob = api.stranger();
  await bob.register(`bob-${ann.email}`);
  const foreign = await bob.call("DELETE", `/identities/${only.identity_id}`);
  checks.equal("others do not find it", foreign.status, 404);

  const carl = await world.person();
  await bob.signIn(carl.sub, "/identities/oidc");
  const [identity] = await bob.identities();
  const gone = await bob.call("DELETE", `/identities/${identity.identity_id}`);
  checks.equal("with a password it goes", gone.status, 204);
  checks.equal("and is gone", await bob.identities(), []);
  const anew = await api.stranger().signIn(carl.sub);
  checks.equal("it opens another account", [anew.status, anew.created], [200, true]);
}

async function stepUp({ world, api, checks }) {
  const ann = await world.person();
  const opened = await api.signIn(ann.sub);
  const asked = async () => (await world.provider.counts()).asked;
  const before = await asked();
  const body = { method: "fed", provider: "oidc", return_to: "/account" };
  const started = await api.start("/reauthenticate", body);
  checks.equal("it begins", started.status, 200);
  checks.that("with a maximal age", new URL(started.authorization_url).searchParams.has("max_age"));
  const proved = await api.callback(await api.visit(started, ann.sub));
  checks.equal("a new session in place of this one", [proved.status, proved.user_id, proved.created], [200, opened.user_id, false]);
  checks.equal("the person was asked again", await asked(), before + 1);
  const other = await world.person();
  const foreign = await api.signIn(other.sub, "/reauthenticate", body);
  checks.that("somebody else there is no proof", foreign.status >= 400, foreign);
  checks.equal("and has no account by it", (await api.stranger().signIn(other.sub)).created, true);
  checks.equal("the session goes on", (await api.call("GET", "/profile")).user_id, opened.user_id);
}

export default [
  { name: "connected from a session", run: fromASession },
  { name: "connected on a shared machine", run: sharedMachine },
  { name: "a session of another account", run: othersSession },
  { name: "connected by the password", run: byPassword },
  { name: "connected by a session after signing in", run: byASession },
  { name: "disconnected", run: unlink },
  { name: "proved again", run: stepUp },
];
