// Signing in: the first time, again, and in the ways in which it is refused.

import { APP_PAGE } from "../world.mjs";

async function firstAndAgain({ world, api, checks, mode }) {
  const ann = await world.person();
  const { providers } = await api.call("GET", "/providers");
  checks.equal("the provider is offered by its name", providers, [{ id: "oidc", name: "School" }]);
  const started = await api.start("/login/oidc", { return_to: "/account", remember: true });
  checks.equal("a sign-in begins", started.status, 200);
  checks.equal("it has ten minutes", started.expires_in, 600);
  checks.equal("only a bearer client gets the flow", Boolean(started.flow), mode === "bearer");
  const url = new URL(started.authorization_url);
  checks.equal("it leads to the provider", url.origin, world.provider.issuer);
  checks.equal("with PKCE", url.searchParams.get("code_challenge_method"), "S256");
  checks.that("and a nonce", url.searchParams.has("nonce"));
  const opened = await api.callback(await api.visit(started, ann.sub));
  checks.equal("the first time opens a session", opened.status, 200);
  checks.equal("of a new account", opened.created, true);
  checks.equal("and leads back", opened.return_to, "/account");
  const profile = await api.call("GET", "/profile");
  const { email, name, is_verified: isVerified } = profile;
  checks.equal("with the provider's claims", [email, name], [ann.email, ann.name]);
  checks.equal("whose address is not believed", isVerified, false);

  const again = api.stranger();
  const reopened = await again.signIn(ann.sub);
  checks.equal("again it is the same account", [reopened.status, reopened.created, reopened.user_id], [200, false, opened.user_id]);
  await world.provider.account(ann.sub, { ...ann, email: `new-${ann.email}` });
  const renamed = await api.stranger().signIn(ann.sub);
  checks.equal("also under another address there", [renamed.status, renamed.user_id], [200, opened.user_id]);
  const passwords = await api.stranger().login(ann.email);
  checks.equal("it has no password", [passwords.status, passwords.code], [401, "invalid_credentials"]);
}

async function denied({ world, api, checks }) {
  const started = await api.start();
  const refused = await api.callback(await api.visit(started, ""));
  checks.equal("who cancels is not logged in", [refused.status, refused.code], [403, "provider_denied"]);
  checks.equal("no session", (await api.call("GET", "/profile")).status, 401);
  const unknown = await api.start("/login/elsewhere");
  checks.equal("an unknown provider", [unknown.status, unknown.code], [404, "not_found"]);
  const ann = await world.person();
  checks.equal("the other attempt is not the worse for it", (await api.signIn(ann.sub)).status, 200);
}

async function onceOnly({ world, api, checks }) {
  const ann = await world.person();
  const back = await api.visit(await api.start(), ann.sub);
  const before = api.copy();
  checks.equal("once", (await api.callback(back)).status, 200);
  const { tokens } = await world.provider.counts();
  const people = { "in another browser": api.stranger(), "in this one": api, "with the cookies from before": before };
  for (const [where, person] of Object.entries(people)) {
    const twice = await person.callback(back);
    checks.equal(`not twice ${where}`, [twice.status, twice.code], [401, "invalid_flow"]);
  }
  checks.equal("without a word to the provider", (await world.provider.counts()).tokens, tokens);
  const madeUp = await api.callback({ ...back, state: "A".repeat(43) });
  checks.equal("a state that was made up", [madeUp.status, madeUp.code], [401, "invalid_flow"]);
}

/** Somebody else's answer in this browser: login CSRF. */
async function otherBrowser({ world, api, checks, mode }) {
  const mallory = await world.person();
  const attacker = api.stranger();
  const back = await attacker.visit(await attacker.start(), mallory.sub);
  const without = await api.callback({ ...back, flow: undefined });
  checks.equal("a browser that began nothing", [without.status, without.code], [401, "invalid_flow"]);
  const mine = await api.start();
  const foreign = await api.callback({ ...back, ...(mode === "bearer" && { flow: mine.flow }) });
  checks.equal("a browser that began another one", [foreign.status, foreign.code], [401, "invalid_flow"]);
  checks.equal("nobody is logged in", (await api.call("GET", "/profile")).status, 401);
}

async function otherIssuer({ world, api, checks }) {
  const ann = await world.person();
  const back = await api.visit(await api.start(), ann.sub);
  checks.equal("the provider says who it is", back.iss, world.provider.issuer);
  const mixed = await api.callback({ ...back, iss: "https://elsewhere.example" });
  checks.that("the answer of another one is refused", mixed.status >= 400, mixed);
  checks.equal("nobody is logged in", (await api.call("GET", "/profile")).status, 401);
}

async function redirectUris({ world, api, checks }) {
  const ann = await world.person();
  const started = await api.start("/login/oidc", { redirect_uri: APP_PAGE });
  const back = await api.visit(started, ann.sub, APP_PAGE);
  checks.equal("to another page that is allowed", (await api.callback(back)).status, 200);
  for (const uri of ["https://elsewhere.example/callback/oidc", `${APP_PAGE}/`, `${APP_PAGE}?x=1`]) {
    const refused = await api.start("/login/oidc", { redirect_uri: uri });
    checks.that(`not to ${uri}`, refused.status >= 400 && refused.status < 500, refused);
  }
  for (const target of ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "account"]) {
    const refused = await api.start("/login/oidc", { return_to: target });
    checks.that(`nor is ${target} returned to`, refused.status >= 400 && refused.status < 500, refused);
  }
}

async function withoutAddress({ world, api, checks }) {
  for (const claims of [{ email: undefined }, { email: "not an address" }]) {
    const ann = await world.person(claims);
    const refused = await api.signIn(ann.sub);
    checks.equal("no usable address", [refused.status, refused.code], [422, "validation_failed"]);
  }
}

export default [
  { name: "the first time and again", run: firstAndAgain },
  { name: "denied", run: denied },
  { name: "a state is used once", run: onceOnly },
  { name: "another browser", run: otherBrowser },
  { name: "another issuer", run: otherIssuer },
  { name: "redirect URIs", run: redirectUris },
  { name: "without an address", run: withoutAddress },
];
