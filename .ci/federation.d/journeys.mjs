// The pages in Chromium: what a person sees and does, from "Continue with School" to an account
// that is disconnected again. The provider is on another host, and so another site.

import { Visit, launch } from "../browser/browser.mjs";
import { Checks } from "../browser/checks.mjs";
import link from "./journeys/link.mjs";
import pictures from "./journeys/pictures.mjs";
import trouble from "./journeys/trouble.mjs";
import whole from "./journeys/whole.mjs";
import { World } from "./world.mjs";

const only = process.env.FEDERATION_ONLY ?? "";
const named = [...whole, ...link, ...trouble, ...(process.env.SCREENSHOTS ? pictures : [])];
const journeys = named.filter(({ name }) => name.includes(only));
const browser = await launch();
const all = [];
for (const { name, settings, run } of journeys) {
  const checks = new Checks(name);
  const world = await World.start(settings);
  const visit = new Visit(browser, world.server, world.provider.issuer);
  try {
    await run({ world, checks, open: (size) => visit.open(size), errors: () => visit.errors() });
    await visit.conclude(checks);
  } catch (error) {
    checks.fail(`stopped: ${error.stack}`);
  }
  await visit.close();
  await world.stop();
  console.log(checks.summary());
  all.push(checks);
}
await browser.close();

const sum = (name) => all.reduce((total, checks) => total + checks[name], 0);
console.log(`federation in Chromium: ${sum("done")} checks in ${all.length} journeys, ${sum("failed")} failed`);
process.exitCode = sum("failed") ? 1 : 0;
