// Registration that waits for a mailed link.

async function waits({ world, api, checks }) {
  const ann = await world.person();
  const waiting = await api.signIn(ann.sub);
  checks.equal("a mail is on its way", waiting.status, 202);
  checks.that("with a ticket for this browser", Boolean(waiting.ticket) && waiting.expires_in > 0, waiting);
  checks.equal("no session before that", (await api.call("GET", "/profile")).status, 401);
  const link = await world.server.link(ann.email, "Complete your registration", "/email/verify");
  const token = link.split("#token=")[1];
  const without = await api.stranger().call("POST", "/email/verify", { token });
  checks.equal("the link alone opens nothing", [without.status, without.code], [401, "proof_required"]);
  const { ticket } = waiting;
  const opened = await api.call("POST", "/email/verify", { token, ticket });
  checks.equal("the link and the ticket do", [opened.status, opened.is_verified], [200, true]);
  const again = await api.stranger().signIn(ann.sub);
  checks.equal("it is a way in", [again.status, again.user_id, again.created], [200, opened.user_id, false]);
}

/** A taken address gets the same answer as a free one. */
async function taken({ world, api, checks }) {
  const owner = await world.person();
  const first = await api.signIn(owner.sub);
  const link = await world.server.link(owner.email, "Complete your registration", "/email/verify");
  const token = link.split("#token=")[1];
  await api.call("POST", "/email/verify", { token, ticket: first.ticket });
  const other = await world.person({ email: owner.email });
  const same = await api.stranger().signIn(other.sub);
  const shape = (answer) => [answer.status, Object.keys(answer).sort(), answer.message, answer.expires_in];
  checks.equal("the answer does not tell", shape(same), shape(first));
  await world.server.mail(owner.email, "already have an account");
}

export default [
  { name: "a registration that waits", run: waits },
  { name: "an address that is taken", run: taken },
];
