// An account from its first sign-in to its last.

import { axe } from "../../browser/axe.mjs";
import * as person from "../../browser/person.mjs";
import { addressIsClean, connected, disconnect, goOnAs, goToSchool, heading, signIn, ways } from "../visitor.mjs";

const { PASSWORD, fill, press } = person;

async function run({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const page = await open();
  await goToSchool(page, "/app/register");
  await goOnAs(page, ann);
  await person.atAccount(page);
  addressIsClean(page, checks);
  checks.equal("the name from there", await page.locator("#who-name").textContent(), ann.name);
  checks.equal("the address is not believed", await page.locator("#badge").textContent(), "Not confirmed yet");
  await page.goBack();
  await page.waitForLoadState();
  const back = new URL(page.url());
  checks.that("the page in between is not in the history", back.pathname !== "/callback/oidc", back.href);

  await page.goto("/app/account#ways");
  await connected(page, ann).waitFor();
  checks.that("connected already, so not offered", await person.button(page, "Connect School").isHidden());
  await disconnect(page);
  await press(page.getByRole("dialog"), "Continue with School");
  await goOnAs(page, ann);
  await person.atAccount(page);
  await disconnect(page);
  const alert = await person.alertOf(page);
  checks.that("the last way in stays, with what to do", alert.includes("Set a password by mail"), alert);
  await person.logOut(page);

  await goToSchool(page, "/app/login?next=%2Fapp%2Faccount%23devices");
  await goOnAs(page, ann);
  await person.atAccount(page);
  checks.that("back to where one was going", page.url().endsWith("#devices"), page.url());
  await page.locator("#device-list li").first().waitFor();
  await person.logOut(page);
  await page.getByLabel("Keep me logged in on this device").uncheck();
  await goToSchool(page, null);
  await goOnAs(page, ann);
  await person.atAccount(page);
  const all = await page.context().cookies(world.server.origin);
  // The third one is of the sign-in, and goes after ten minutes.
  const cookies = all.filter(({ name }) => !name.endsWith("_flow"));
  checks.that("there is a session", cookies.length > 0);
  checks.equal("which ends with the browser", cookies.filter(({ expires }) => expires !== -1), []);

  const bob = await world.person({ name: "Bob Stone" });
  const desk = await open();
  await person.register(desk, `desk-${bob.email}`, { name: "Bob" });
  await desk.goto("/app/account#ways");
  await press(desk, "Connect School");
  await goOnAs(desk, bob);
  await person.atAccount(desk);
  await connected(desk, bob).waitFor();
  checks.that("led back to the ways in", desk.url().endsWith("#ways"), desk.url());
  checks.equal("no rule of accessibility is broken", await axe(desk), []);
  await person.logOut(desk);
  await signIn(desk, bob);
  await person.atAccount(desk);
  checks.equal("it is a way in", await desk.locator("#who-email").textContent(), `desk-${bob.email}`);
  await disconnect(desk);
  await fill(desk.getByRole("dialog"), { "Your password": PASSWORD });
  await press(desk.getByRole("dialog"), "Confirm");
  await desk.getByText("School is disconnected.").waitFor();
  checks.equal("the reader goes on at the heading", await person.focused(desk), "Other ways in");
  // Though Bob is signed in there: the next person at the desk could be somebody else.
  await press(desk, "Connect School");
  await goOnAs(desk, bob);
  await connected(desk, bob).waitFor();
  checks.equal("and can be connected again", await person.button(desk, "Connect School").isHidden(), true);
}

/** From the login to the account without a mouse, on a small screen. */
async function keyboard({ world, checks, open }) {
  const ann = await world.person({ name: "Kim Lee" });
  const page = await open({ width: 375, height: 812 });
  const tabTo = async (name) => {
    for (let stop = 0; stop < 40; stop += 1) {
      await page.keyboard.press("Tab");
      if ((await person.focused(page)) === name) return;
    }
    throw new Error(`"${name}" is not reached`);
  };
  const narrow = async (what) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    checks.that(`${what} fits into 375 px`, wide <= 375, String(wide));
    checks.equal(`${what} breaks no rule of accessibility`, await axe(page), []);
  };
  for (const path of ["/app/register", "/app/login"]) {
    await page.goto(path);
    await person.button(page, "Continue with School").waitFor();
    await narrow(path);
  }
  await tabTo("Continue with School");
  await page.keyboard.press("Enter");
  await heading(page, "School");
  await tabTo(`Go on as ${ann.name}`);
  await page.keyboard.press("Enter");
  await person.atAccount(page);
  await connected(page, ann).waitFor();
  await narrow("the account");

  const bob = await world.person({ name: "Rob Stone" });
  const other = await open({ width: 375, height: 812 });
  await person.register(other, bob.email, { name: "Bob" });
  await person.logOut(page);
  await signIn(page, bob);
  await heading(page, "You have an account already");
  checks.equal("the reader goes on at the heading", await person.focused(page), "You have an account already");
  await narrow("the question for the password");
  await tabTo("Password of that account");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await person.atAccount(page);
  checks.equal("in the account that was there", await page.locator("#who-email").textContent(), bob.email);
}

/** Changing the ways in needs a login that is recent: by the password, or by the provider. */
async function recentLogin({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const page = await open();
  await person.register(page, `desk-${ann.email}`, { name: "Ann" });
  const tooOld = async (times, methods) => {
    let left = times;
    await page.route("**/identities/oidc", (route) => {
      left -= 1;
      if (left < 0) return route.continue();
      const problem = { status: 403, code: "recent_login_required", detail: "Log in again.", methods };
      return route.fulfill({ status: 403, contentType: "application/problem+json", json: problem });
    });
  };
  await tooOld(1, ["pwd"]);
  await press(page, "Connect School");
  const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
  await dialog.waitFor();
  checks.that("only what the account has is asked for", await person.button(dialog, "Continue with School").isHidden());
  checks.equal("the question breaks no rule of accessibility", await axe(page), []);
  await fill(dialog, { "Your password": `${PASSWORD}?` });
  await press(dialog, "Confirm");
  const error = await person.errorOf(dialog, "Your password");
  checks.that("a wrong one is told beside the field", error.includes("not your password"), error);
  await fill(dialog, { "Your password": PASSWORD });
  await press(dialog, "Confirm");
  await heading(page, "School");
  await goOnAs(page, ann);
  await connected(page, ann).waitFor();

  await page.unroute("**/identities/oidc");
  let asked = 0;
  await page.route("**/identities/*", (route) => {
    asked += 1;
    if (route.request().method() !== "DELETE" || asked > 1) return route.continue();
    const problem = { status: 403, code: "recent_login_required", detail: "Log in again.", methods: ["pwd", "fed"] };
    return route.fulfill({ status: 403, contentType: "application/problem+json", json: problem });
  });
  await disconnect(page);
  await dialog.waitFor();
  const { asked: before } = await world.provider.counts();
  await press(dialog, "Continue with School");
  await heading(page, "School");
  checks.equal("the provider asks again", (await world.provider.counts()).asked, before + 1);
  await goOnAs(page, ann);
  await person.atAccount(page);
  await disconnect(page);
  await page.getByText("School is disconnected.").waitFor();
  checks.that("and then it is done", asked >= 2, String(asked));
}

export default [
  { name: "the life of an account of a provider", run },
  { name: "a provider by keyboard, at 375 px", run: keyboard },
  { name: "a login that is too old", run: recentLogin },
];
