// A provider that is down, and one that changes its keys.

async function down({ world, api, checks }) {
  const ann = await world.person();
  await api.register(`known-${ann.email}`);
  const back = await api.visit(await api.start(), ann.sub);
  await world.provider.down();
  try {
    const visitor = api.stranger();
    const failed = await api.callback(back);
    checks.equal("at the end", [failed.status, failed.code], [503, "provider_unavailable"]);
    checks.that("it says when to try again", failed.wait > 0, failed.wait);
    const login = await visitor.login(`known-${ann.email}`);
    checks.equal("the password goes on", login.status, 200);
    // Before anything of the provider is known, the start needs it, too.
    await world.server.stop();
    await world.server.revive();
    const start = await api.stranger().start();
    checks.equal("at the start", [start.status, start.code], [503, "provider_unavailable"]);
    checks.that("which says when, too", start.wait > 0, start.wait);
  } finally {
    await world.provider.up();
  }
}

async function rotated({ world, api, checks }) {
  const ann = await world.person();
  const opened = await api.signIn(ann.sub);
  await world.provider.rotate();
  const again = await api.stranger().signIn(ann.sub);
  checks.equal("under new keys", [again.status, again.user_id], [200, opened.user_id]);
}

export default [
  { name: "new keys", run: rotated },
  // The last one: the example starts anew, without its accounts.
  { name: "a provider that is down", run: down },
];
