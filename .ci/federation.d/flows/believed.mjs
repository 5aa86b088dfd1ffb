// A provider that is believed for the addresses of one domain.

async function believed({ world, api, checks }) {
  const ann = await world.person();
  const opened = await api.signIn(ann.sub);
  checks.equal("the address is confirmed", [opened.status, opened.is_verified], [200, true]);
  const doubtful = await world.person({ email_verified: false });
  checks.equal("unless the provider does not say so", (await api.stranger().signIn(doubtful.sub)).is_verified, false);
  const text = await world.person({ email_verified: "true" });
  checks.equal("or says so in a text", (await api.stranger().signIn(text.sub)).is_verified, false);
  const foreign = await world.person({ domain: "elsewhere.example" });
  checks.equal("or it is of another domain", (await api.stranger().signIn(foreign.sub)).is_verified, false);
}

async function startAnew({ world, api, checks }) {
  const ann = await world.person();
  const squatter = api.stranger();
  const squatted = await squatter.register(ann.email, "Mallory");
  const asked = await api.signIn(ann.sub);
  checks.equal("a squatted address", [asked.status, asked.code, asked.can_start_anew], [409, "link_required", true]);
  const { ticket } = asked;
  const opened = await api.call("POST", "/identities/link", { ticket, start_anew: true });
  checks.equal("an account of one's own", [opened.status, opened.created, opened.is_verified], [200, true, true]);
  checks.that("another one", opened.user_id !== squatted.user_id);
  checks.equal("with the name from there", opened.name, ann.name);
  checks.equal("the squatter is out", (await squatter.call("GET", "/profile")).status, 401);
  checks.equal("and stays out", (await squatter.login(ann.email)).status, 401);
}

export default [
  { name: "an address that is believed", run: believed },
  { name: "starting anew", run: startAnew },
];
