// Signing in with a provider in a real Chromium, by keyboard alone: a new account, another login,
// the ways in of the account, an account that exists already, and a person who cancels.
// `SCREENSHOTS=folder` also writes pictures there.

import assert from "node:assert/strict";

import { focus, picture, press, shows, type } from "./browser/keyboard.mjs";
import { beginsHigh, logOut, register } from "./browser/steps.mjs";
import {
  DESKTOP,
  PASSWORD,
  PHONE,
  app,
  appServer,
  cookieOf,
  eventually,
  person,
  provider,
  requested,
  run,
} from "./browser/world.mjs";

/** Adds a person to the provider. */
async function add(sub, name, email = `${sub}@school.example`) {
  await provider.account(sub, { name, email, email_verified: true });
  return { sub, name, email };
}

/** At the provider, which asks who this is: goes on as `who`, or cancels. */
async function choose(page, who) {
  await page.getByRole("heading", { name: "School", exact: true }).waitFor();
  const button = page.locator(`button[value="${who?.sub ?? ""}"]`);
  await focus(page, button);
  await page.keyboard.press("Enter");
  // Nothing of what the provider said is in the address of a page.
  await eventually(() => page.url().startsWith(app) && !page.url().includes("?"), "an address without a code");
}

const beForgotten = (page) => page.context().clearCookies({ domain: "127.0.0.2" });

/** An account by the provider, on a screen of any size. */
async function newcomer(settings, who) {
  const context = await person(settings);
  const page = await context.newPage();
  await page.goto(`${app}/register`);
  await press(page, "Continue with School");
  await choose(page, who);
  await shows(page, "Your account is made.");
  await shows(page, "Start the exam");
  await cookieOf(page);
  await page.reload();
  await shows(page, "Start the exam");
  await beginsHigh(page, who.name);
  await logOut(page);

  await beForgotten(page);
  await page.goto(`${app}/login`);
  await page.getByRole("button", { name: "Continue with School" }).waitFor();
  if (settings === DESKTOP) await picture(page, "login");
  await press(page, "Continue with School");
  await choose(page, undefined);
  await shows(page, "You stopped at School");
  await beginsHigh(page, "Not logged in");
  await page.goto(`${app}/login`);
  await press(page, "Continue with School");
  await choose(page, who);
  await shows(page, "You are logged in with School.");
  await cookieOf(page);

  await page.goto(`${app}/account`);
  await openWays(page);
  await shows(page, /^School · /);
  if (settings === DESKTOP) await picture(page, "ways");
  await press(page, "Disconnect");
  await shows(page, "Confirm that it is you");
  await press(page, "Continue with School");
  await choose(page, who);
  await shows(page, "School has confirmed who you are.");
  await openWays(page);
  await press(page, "Disconnect");
  await shows(page, "This is the only way into your account");
  await context.close();
}

async function openWays(page) {
  const tab = page.getByRole("tab", { name: "Ways in" });
  await tab.waitFor();
  await focus(page, page.getByRole("tab", { name: "Name" }));
  for (let turn = 0; turn < 5; turn += 1) await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
}

/** An account with a password connects one at the provider, and disconnects it. */
async function connects(who) {
  const page = await (await person()).newPage();
  await register(page, "Carl", `desk-${who.email}`);
  await page.goto(`${app}/account`);
  await openWays(page);
  await press(page, "Connect School");
  await choose(page, who);
  await shows(page, "School has confirmed who you are.");
  await openWays(page);
  await shows(page, /^School · /);
  await press(page, "Disconnect");
  await shows(page, "School is disconnected.");
  await page.context().close();
}

/** The provider's address has an account here: its password connects the two. */
async function existing(who) {
  const owner = await (await person()).newPage();
  await register(owner, who.name, who.email);
  const page = await (await person(PHONE)).newPage();
  await page.goto(`${app}/login`);
  await press(page, "Continue with School");
  await choose(page, who);
  await shows(page, "You have an account already");
  await beginsHigh(page, "Not logged in");
  await picture(page, "link-phone");
  await type(page, "Password of that account", `${PASSWORD}?`);
  await press(page, "Connect and log in");
  await shows(page, "This is not the password of that account.");
  await type(page, "Password of that account", PASSWORD);
  await press(page, "Connect and log in");
  await shows(page, "Start the exam");
  await cookieOf(page);
  await page.context().close();
  await owner.context().close();
}

/** Somebody else's answer, which a link brings into this browser. */
async function foreignAnswer() {
  const page = await (await person()).newPage();
  await page.goto(`${app}/callback/oidc?code=made-up&state=made-up`);
  await shows(page, "This cannot be finished");
  assert.equal(page.url(), `${app}/sign-in`);
  await page.context().close();
}

await run(async () => {
  await newcomer(DESKTOP, await add("ann", "Ann Lee"));
  console.log("a new account by a provider, at 1280 px");
  await newcomer(PHONE, await add("pam", "Pam Lee"));
  console.log("the same on a phone, at 375 px");
  await connects(await add("carl", "Carl Stone"));
  console.log("an account connected one at the provider, and disconnected it");
  await existing(await add("eve", "Eve Stone"));
  console.log("an account with the provider's address was connected by its password");
  await foreignAnswer();
  const leaked = requested.filter((url) => /eyJ|ad[rvnpefl]_/.test(url.split("#")[0]));
  assert.deepEqual(leaked, []);
  assert.doesNotMatch(appServer.said, /eyJ|ad[rvnpefl]_|plum-Orbit|Traceback/);
  console.log("no token in any address or in the app's log");
});
