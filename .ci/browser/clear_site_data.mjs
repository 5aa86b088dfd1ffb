// How long Chromium holds back an answer that has `Clear-Site-Data`: the figures of
// docs/decisions/0014-sessions-in-cookies.md.
//
//   BROWSER_MODULES=$PWD/target/browser node .ci/browser/clear_site_data.mjs
//
// The server and the browser are on this machine, and the profile is on disk. Its cache has
// `OTHERS` answers of another site, as that of a browser in use, and before each round
// `FILES` of the site itself, of 20 kB each.

import { createServer } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);
const { chromium } = require("playwright-core");

const FILES = Number(process.env.FILES ?? 50);
const OTHERS = Number(process.env.OTHERS ?? 10_000);
const ROUNDS = Number(process.env.ROUNDS ?? 10);
const VALUES = ["", '"storage"', '"cache"', '"cache", "storage"', '"cookies"'];
const FILE = "x".repeat(20_000);

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  if (pathname.startsWith("/file")) {
    response.setHeader("Cache-Control", "max-age=3600");
    response.end(FILE);
    return;
  }
  response.setHeader("Cache-Control", "no-store");
  const value = searchParams.get("value");
  if (value) response.setHeader("Clear-Site-Data", value);
  response.setHeader("Content-Type", pathname === "/" ? "text/html" : "application/json");
  response.end(pathname === "/" ? "<!doctype html><title>x</title>" : "{}");
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const origin = `http://localhost:${server.address().port}`;

const profile = await mkdtemp(join(tmpdir(), "clear-site-data-"));
const context = await chromium.launchPersistentContext(profile, {
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await context.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}`);
for (let from = 0; from < OTHERS; from += 200) {
  await page.evaluate(async (from) => {
    const load = async (number) => (await fetch(`/file${number}`)).text();
    await Promise.all(Array.from({ length: 200 }, (_, number) => load(from + number)));
  }, from);
}
await page.goto(origin);

const once = (value) =>
  page.evaluate(
    async ([value, files]) => {
      localStorage.setItem("a", "b");
      const load = async (number) => (await fetch(`/file${number}`)).text();
      await Promise.all(Array.from({ length: files }, (_, number) => load(number)));
      const begin = performance.now();
      const answer = await fetch(`/logout?value=${encodeURIComponent(value)}`, { method: "POST" });
      await answer.text();
      return performance.now() - begin;
    },
    [value, FILES],
  );

const times = new Map(VALUES.map((value) => [value, []]));
for (let round = 0; round < ROUNDS; round += 1) {
  for (const value of VALUES) times.get(value).push(await once(value));
}
console.log(`Chromium ${context.browser()?.version() ?? ""}, cache of ${FILES} + ${OTHERS} files, ms:`);
console.log("value\tmedian\tgreatest");
for (const [value, all] of times) {
  all.sort((one, other) => one - other);
  const shown = [all[Math.floor(all.length / 2)], all.at(-1)].map((time) => time.toFixed(1));
  console.log([value || "(none)", ...shown].join("\t"));
}
await context.close();
server.close();
await rm(profile, { recursive: true, force: true });
