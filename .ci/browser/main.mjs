// Runs the journeys one after the other, each with a server and browser profiles
// of its own, and says how many checks there were.

import { readdir } from "node:fs/promises";

import { Browser } from "./browser.mjs";
import { Checks } from "./checks.mjs";
import { Server } from "./server.mjs";

const folder = new URL("journeys/", import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith(".mjs")).sort();
const urls = files.map((name) => new URL(name, folder));
if (process.env.SCREENSHOTS) urls.push(new URL("pictures.mjs", import.meta.url));
const found = await Promise.all(urls.map((url) => import(url)));
const only = process.env.BROWSER_ONLY ?? "";
const journeys = found.flatMap((file) => file.default).filter(({ name }) => name.includes(only));

const checks = new Checks();
const browser = await Browser.launch();
for (const { name, environment, run } of journeys) {
  checks.begin(name);
  const server = await Server.start(environment);
  try {
    await run({
      server,
      checks,
      open: (ours, settings) => browser.open(ours, settings),
      errors: () => browser.errors(),
    });
    await browser.conclude(checks);
  } catch (error) {
    checks.fail(`stopped: ${error.stack}`);
    await browser.closeAll();
  }
  await server.stop();
  checks.end();
}
await browser.close();
if (!journeys.length) checks.fail(`there is no journey named "${only}"`);

const { done, failed } = checks;
console.log(`browser: ${done} checks in ${journeys.length} journeys, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
