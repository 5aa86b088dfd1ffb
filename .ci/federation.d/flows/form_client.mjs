// The other client: its secret in the form, and ID tokens under RS256.

async function inForm({ world, api, checks }) {
  const ann = await world.person();
  const opened = await api.signIn(ann.sub);
  checks.equal("in by another method and algorithm", [opened.status, opened.created], [200, true]);
  await world.provider.rotate();
  checks.equal("also under new keys", (await api.stranger().signIn(ann.sub)).user_id, opened.user_id);
}

export default [{ name: "the secret in the form", run: inForm }];
