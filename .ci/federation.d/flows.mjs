// The flows without a browser: each in cookie mode and in bearer mode, against each example.

import { CLIENTS } from "./clients.mjs";
import { Api } from "./api.mjs";
import { Checks } from "../browser/checks.mjs";
import { starts } from "./starts.mjs";
import { World } from "./world.mjs";
import believed from "./flows/believed.mjs";
import formClient from "./flows/form_client.mjs";
import identities from "./flows/identities.mjs";
import provider from "./flows/provider.mjs";
import verifyFirst from "./flows/verify_first.mjs";
import waysIn from "./flows/ways_in.mjs";

const SUITES = [
  { flows: [...waysIn, ...identities, ...provider] },
  { settings: { environment: { OIDC_TRUSTED_DOMAINS: "school.example" } }, flows: believed },
  { settings: { environment: { REGISTRATION: "verify-first" } }, flows: verifyFirst },
  { settings: { client: CLIENTS[1] }, flows: formClient },
];

/** What no log may hold: tokens of this server, codes and secrets of the provider. */
const SECRET = /eyJ[\w-]{8,}|reserved\/characters|another secret|[?&](code|state)=/;

const only = process.env.FEDERATION_ONLY ?? "";
const all = [];

for (const example of process.env.EXAMPLES.split(",")) {
  if ("settings that are wrong".includes(only)) {
    all.push(await starts(example, `${process.env.EXAMPLES_AT}/${example}`));
  }
  for (const { settings = {}, flows } of SUITES) {
    const wanted = flows.filter(({ name }) => name.includes(only));
    for (const mode of wanted.length ? ["cookie", "bearer"] : []) await suite(example, settings, wanted, mode);
  }
}

async function suite(example, settings, flows, mode) {
  const environment = { ...settings.environment, EXAMPLE: `${process.env.EXAMPLES_AT}/${example}` };
  const world = await World.start({ ...settings, environment });
  let words = "";
  for (const { name, run } of flows) {
    const checks = new Checks(`${example}, ${mode}: ${name}`);
    words += world.server.words;
    try {
      await run({ world, checks, mode, api: new Api(world.server, mode) });
    } catch (error) {
      checks.fail(`stopped: ${error.stack}`);
    }
    console.log(checks.summary());
    all.push(checks);
  }
  const checks = new Checks(`${example}, ${mode}: the log`);
  words += world.server.words;
  // Mails have links with tokens, and are no log.
  const lines = words.split("\n").filter((line) => !line.includes("#token=") && !line.startsWith("  curl"));
  checks.equal("no secret in it", lines.filter((line) => SECRET.test(line)), []);
  all.push(checks);
  await world.stop();
}

const sum = (name) => all.reduce((total, checks) => total + checks[name], 0);
if (!all.length) throw new Error(`there is no flow named "${only}"`);
console.log(`federation: ${sum("done")} checks in ${all.length} flows, ${sum("failed")} failed`);
process.exitCode = sum("failed") ? 1 : 0;
