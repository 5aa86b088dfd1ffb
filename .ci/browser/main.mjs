// Runs the journeys, each with a server and browser profiles of its own, and
// says how many checks there were.

import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";

import { Visit, launch } from "./browser.mjs";
import { Checks } from "./checks.mjs";
import { Server } from "./server.mjs";

const folder = new URL("journeys/", import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith(".mjs")).sort();
const urls = files.map((name) => new URL(name, folder));
if (process.env.SCREENSHOTS) urls.push(new URL("pictures.mjs", import.meta.url));
const found = await Promise.all(urls.map((url) => import(url)));
const only = process.env.BROWSER_ONLY ?? "";
const journeys = found.flatMap((file) => file.default).filter(({ name }) => name.includes(only));
if (!journeys.length) throw new Error(`there is no journey named "${only}"`);

const browser = await launch();
const waiting = [...journeys];
const all = [];

async function work() {
  for (let journey = waiting.shift(); journey; journey = waiting.shift()) {
    all.push(await take(journey));
  }
}

async function take({ name, environment, run }) {
  const checks = new Checks(name);
  const server = await Server.start(environment);
  const visit = new Visit(browser, server);
  try {
    await run({ server, checks, open: (settings) => visit.open(settings), errors: () => visit.errors() });
    await visit.conclude(checks);
  } catch (error) {
    checks.fail(`stopped: ${error.stack}`);
  }
  await visit.close();
  await server.stop();
  console.log(checks.summary());
  return checks;
}

await Promise.all(Array.from({ length: Math.min(3, availableParallelism()) }, work));
await browser.close();

const sum = (name) => all.reduce((total, checks) => total + checks[name], 0);
console.log(`browser: ${sum("done")} checks in ${all.length} journeys, ${sum("failed")} failed`);
process.exitCode = sum("failed") ? 1 : 0;
