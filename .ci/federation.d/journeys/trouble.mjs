// What goes wrong, in words: and each time another way goes on.

import { axe } from "../../browser/axe.mjs";
import * as person from "../../browser/person.mjs";
import { addressIsClean, beForgotten, goOnAs, goToSchool, heading, signIn, ways } from "../visitor.mjs";

const { press } = person;
const back = (page) => page.getByRole("link", { name: "Back to the login" });

async function run({ world, checks, open }) {
  const ann = await world.person({ name: "Ann Lee" });
  const page = await open();
  await goToSchool(page);
  await press(page, "Cancel");
  await heading(page, "You are not logged in");
  addressIsClean(page, checks);
  checks.that("it says what happened", await page.getByText("You stopped at School").isVisible());
  checks.equal("it breaks no rule of accessibility", await axe(page), []);
  await back(page).click();

  // Loaded again, there is nothing to send.
  await page.goto("/callback/oidc");
  await heading(page, "This cannot be finished");
  // A link that somebody else made, with a state of their own: nobody is logged in by it.
  await page.goto("/callback/oidc?code=made-up&state=made-up");
  await heading(page, "This cannot be finished");
  addressIsClean(page, checks);

  const nobody = await world.person({ name: "No Mail", email: undefined });
  await signIn(page, nobody);
  await heading(page, "Your address is missing");
  checks.that("the password is a way", await page.getByRole("link", { name: "Create an account with a password" }).isVisible());

  await goToSchool(page);
  await page.goto("about:blank");
  await page.goBack();
  await goOnAs(page, ann);
  await person.atAccount(page);
  checks.that("a person may go back and on at the provider", true);

  const taken = await open();
  await person.register(taken, `desk-${ann.email}`, { name: "Desk" });
  await press(ways(taken), "Connect School");
  await goOnAs(taken, ann);
  await heading(taken, "This belongs to another account");
  await taken.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(taken);
  checks.equal("the session goes on", await taken.locator("#who-email").textContent(), `desk-${ann.email}`);
  await beForgotten(taken);
  await press(ways(taken), "Connect School");
  await press(taken, "Cancel");
  await heading(taken, "You are not connected");
}

/** The provider is down at the end, and then at the start; the server is down in between. */
async function down({ world, checks, open, errors }) {
  const ann = await world.person({ name: "Ann Lee" });
  const page = await open();
  await goToSchool(page);
  await page.route("**/login/oidc/callback", (route) => route.abort());
  await goOnAs(page, ann);
  await heading(page, "The server cannot be reached");
  await page.unroute("**/login/oidc/callback");
  await press(page, "Try again");
  await person.atAccount(page);
  checks.that("what was not sent is sent again", true);
  await person.logOut(page);

  await goToSchool(page);
  // Between the provider's answer and its use.
  await page.route("**/login/oidc/callback", async (route) => {
    await world.provider.down();
    await route.continue();
  });
  await goOnAs(page, ann);
  await heading(page, "School does not answer");
  await page.unroute("**/login/oidc/callback");
  await back(page).click();
  await world.server.stop();
  await world.server.revive();
  await page.goto("/app/login");
  await press(page, "Continue with School");
  const alert = await person.alertOf(page);
  checks.that("it is said on the login, too", alert.includes("School does not answer"), alert);
  checks.that("and that there are other ways", alert.includes("another way in"), alert);
  await person.register(page, "password@example.org");
  checks.that("of which one is taken", true);
  await world.provider.up();
  // What was taken away on purpose; that a server does not answer is no error of the page.
  checks.equal("no other error", errors().filter((text) => !text.startsWith("Failed to load resource: ")), []);
}

/** Without a provider there is nothing of it in the pages. */
async function without({ checks, open }) {
  const page = await open();
  await page.goto("/app/login");
  const answered = page.waitForResponse("**/providers");
  await page.reload();
  await answered;
  checks.that("no other way on the login", await page.locator("#providers").isHidden());
  await person.register(page, "ann@example.org");
  await page.locator("#device-list li").first().waitFor();
  checks.that("nor in the account", await ways(page).isHidden());
}

const NONE = { OIDC_ISSUER: "", OIDC_CLIENT_ID: "", OIDC_CLIENT_SECRET: "", OIDC_CLIENT_AUTH: "", OIDC_NAME: "", OIDC_REDIRECT_URIS: "" };

export default [
  { name: "what goes wrong with a provider", run },
  { name: "a provider that is down", run: down },
  { name: "no provider", settings: { environment: NONE }, run: without },
];
