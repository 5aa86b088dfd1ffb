// An account with the provider's address exists already, or waits for a mail.

import * as person from "../../browser/person.mjs";
import { addressIsClean, connected, goOnAs, heading, signIn, ways } from "../visitor.mjs";

const { PASSWORD, OTHER, fill, press } = person;

async function byPassword({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const owner = await open();
  await person.register(owner, ann.email, { name: "Ann" });
  const page = await open();
  await signIn(page, ann);
  await heading(page, "You have an account already");
  addressIsClean(page, checks);
  checks.that("no start anew by an address that is not believed", await page.locator("#anew-offer").isHidden());
  checks.that("nobody is logged in", await page.locator("#session").isHidden());
  await fill(page, { "Password of that account": OTHER });
  await press(page, "Connect and log in");
  const error = await person.errorOf(page, "Password of that account");
  checks.that("a wrong password is told beside the field", error.includes("not the password"), error);
  await fill(page, { "Password of that account": PASSWORD });
  await press(page, "Connect and log in");
  await person.atAccount(page);
  await connected(page, ann).waitFor();

  // In a session of the account no password is needed, in another one it is.
  const bob = await world.person({ name: "Bob Stone" });
  const other = await open();
  await person.register(other, bob.email, { name: "Bob" });
  await signIn(other, bob);
  await heading(other, "You have an account already");
  checks.equal("it says who is logged in", await other.locator("#session-email").textContent(), bob.email);
  await signIn(owner, bob);
  await press(owner, "Connect this account");
  const alert = await person.alertOf(owner);
  checks.that("another account is no proof", alert.includes("another one than the one you are logged in to"), alert);
  await press(other, "Connect this account");
  await heading(other, "Connected");
  await other.getByRole("link", { name: "To your account" }).click();
  await ways(other).getByText("last used").or(ways(other).getByText("Connected")).first().waitFor();
}

async function anew({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const squatter = await open();
  await person.register(squatter, ann.email, { name: "Mallory", password: OTHER });
  const page = await open();
  await signIn(page, ann);
  await press(page, "Start anew…");
  await heading(page, "Start anew?");
  checks.equal("the reader goes on at the heading", await person.focused(page), "Start anew?");
  await press(page, "Go back");
  await heading(page, "You have an account already");
  await squatter.reload();
  await person.atAccount(squatter);
  checks.that("nothing has happened yet", true);
  await press(page, "Start anew…");
  await press(page, "Remove it and start anew");
  await person.atAccount(page);
  checks.equal("an account of one's own", await page.locator("#who-name").textContent(), ann.name);
  checks.equal("which is confirmed", await page.locator("#badge").textContent(), "Confirmed");
  await squatter.reload();
  await squatter.waitForURL(/\/app\/login/);
}

async function verifyFirst({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const page = await open();
  await signIn(page, ann);
  await heading(page, "Look into your mailbox");
  addressIsClean(page, checks);
  await page.reload();
  await heading(page, "Look into your mailbox");
  const link = await world.server.link(ann.email, ...person.MAIL.complete);
  const elsewhere = await open();
  await elsewhere.goto(link);
  await person.field(elsewhere, "Password").waitFor();
  checks.that("in another browser the link alone does nothing", await elsewhere.getByText("One more step").isVisible());
  // In another tab of the browser that waits, as mail programs open it.
  const tab = await page.context().newPage();
  await tab.goto(link);
  await tab.getByText("This is the last step of creating your account.").waitFor();
  checks.that("no password is asked for", await person.field(tab, "Password").isHidden());
  await press(tab, "Confirm the address");
  await heading(tab, "Your address is confirmed");
  await tab.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(tab);
  checks.equal("in the new account", await tab.locator("#who-email").textContent(), ann.email);
  checks.equal("which is confirmed", await tab.locator("#badge").textContent(), "Confirmed");
  await person.logOut(tab);
  await signIn(tab, ann);
  await person.atAccount(tab);

  // Without a page that was loaded again; in another tab, and in the same one.
  const bob = await world.person({ name: "Bob Stone" });
  const other = await open();
  await signIn(other, bob);
  await heading(other, "Look into your mailbox");
  const mailed = await world.server.link(bob.email, ...person.MAIL.complete);
  const second = await other.context().newPage();
  await second.goto(mailed);
  await second.getByText("This is the last step of creating your account.").waitFor();
  await other.goto(mailed);
  await other.getByText("This is the last step of creating your account.").waitFor();
  await press(other, "Confirm the address");
  await heading(other, "Your address is confirmed");
  const kept = await other.evaluate(() => sessionStorage.length);
  checks.equal("nothing of it is kept", kept, 0);
}

export default [
  { name: "an address that has an account", run: byPassword },
  {
    name: "starting anew",
    settings: { environment: { OIDC_TRUSTED_DOMAINS: "school.example" } },
    run: anew,
  },
  {
    name: "a registration that waits for the mail",
    settings: { environment: { REGISTRATION: "verify-first" } },
    run: verifyFirst,
  },
];
