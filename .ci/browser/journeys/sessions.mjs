// Sessions that run out, end elsewhere, or are looked for with the back button.

import * as person from "../person.mjs";

const { MAIL, field, fill, press } = person;
const ANN = "ann@example.org";
const TOKEN = "admittance_token";

const note = async (page) => {
  await page.locator("#note").waitFor();
  return page.locator("#note").textContent();
};
const sent = (page, line) => {
  const found = [];
  page.on("request", (request) => {
    const one = `${request.method()} ${new URL(request.url()).pathname}`;
    if (one === line) found.push(one);
  });
  return found;
};

async function expired({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const renewals = sent(page, "POST /refresh");
  await page.context().clearCookies({ name: TOKEN });
  await fill(page, { "Your name": "Ann Two" });
  await press(page, "Save");
  await page.getByText("Saved.").waitFor();
  checks.equal("the session was renewed once", renewals.length, 1);

  await page.context().clearCookies({ name: TOKEN });
  await page.reload();
  await page.locator("#event-list li").first().waitFor();
  await page.locator("#device-list li").first().waitFor();
  checks.equal("the page as a whole needs one renewal", renewals.length, 2);

  const other = await page.context().newPage();
  await other.goto("/app/account");
  await other.locator("#event-list li").first().waitFor();
  const others = sent(other, "POST /refresh");
  await page.context().clearCookies({ name: TOKEN });
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.context().route("**/refresh", async (route) => {
    await held;
    await route.continue();
  });
  const save = (tab) => tab.locator("#profile-form").evaluate((form) => form.requestSubmit());
  await Promise.all([page, other].map(save));
  // One renews, and the other has come to where it waits.
  await page.waitForFunction(async () => (await navigator.locks.query()).pending.length === 1);
  release();
  await Promise.all([page, other].map((tab) => tab.getByText("Saved.").waitFor()));
  checks.equal("two tabs need one renewal", renewals.length - 2 + others.length, 1);
  await other.close();

  await page.goto("/app/account#devices");
  await person.atAccount(page);
  await page.context().clearCookies();
  await press(page, "Save");
  await page.waitForURL(/\/app\/login/);
  checks.that("the login says what happened", (await note(page)).includes("session has ended"));
  await person.tryLogin(page, ANN);
  await page.waitForURL(/\/app\/account#devices$/);
  await person.atAccount(page);
  checks.that("and leads back to where one was", await page.locator("#devices").isVisible());
  await page.context().clearCookies();
  await page.goto("/app/account");
  await page.waitForURL(/\/app\/login/);
  await page.goto("/");
  await page.getByRole("link", { name: "Create an account" }).waitFor();
}

async function expiredAtALink({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const link = await server.link(ANN, ...MAIL.verify);
  await page.goto(link);
  await page.getByText(`You are logged in as ${ANN}`).waitFor();
  await page.context().clearCookies();
  await press(page, "Confirm the address");
  await field(page, "Password").waitFor();
  checks.equal("without a session the password does", await person.focused(page), "Password");

  await person.logIn(page, ANN);
  await page.goto(link);
  await page.getByText(`You are logged in as ${ANN}`).waitFor();
  await page.context().clearCookies({ name: TOKEN });
  await press(page, "Confirm the address");
  await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
  checks.that("a session that can be renewed is", await page.getByText("or go on").isVisible());
}

async function untilTheBrowserCloses({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const days = async () => {
    const cookies = await page.context().cookies();
    const refresh = cookies.find(({ name }) => name.endsWith("refresh"));
    return refresh.expires < 0 ? 0 : Math.round((refresh.expires - Date.now() / 1000) / 86_400);
  };
  checks.equal("a session is kept for a week", await days(), 7);
  await person.logOut(page);
  await page.getByLabel("Keep me logged in on this device").uncheck();
  await person.tryLogin(page, ANN);
  await person.atAccount(page);
  checks.equal("on a shared computer until the browser is closed", await days(), 0);
}

async function twoTabs({ server, checks, open }) {
  const one = await open();
  await person.register(one, ANN);
  const two = await one.context().newPage();
  await two.goto("/app/account");
  await person.atAccount(two);
  await person.logOut(one);
  await two.waitForURL(/\/app\/login/);
  checks.that("the other tab is told", (await note(two)).includes("in another tab"));
  checks.equal("no cookie is left", await one.context().cookies(), []);

  await person.logIn(one, ANN);
  await two.goto("/app/account");
  await person.atAccount(two);
  await two.evaluate(() => {
    // As if nothing was heard from other tabs.
    BroadcastChannel.prototype.postMessage = () => {};
  });
  await two.locator("#logout").click();
  await two.waitForURL(/\/app\/login/);
  await press(one, "Save");
  await one.waitForURL(/\/app\/login/);
  checks.that("the next request tells as well", (await note(one)).includes("session has ended"));

  await person.logIn(one, ANN);
  await two.goto("/app/account");
  await person.atAccount(two);
  await person.logOut(one);
  await two.waitForURL(/\/app\/login/);
  await person.register(one, "bob@example.org", { name: "Bob" });
  await two.goto("/app/account");
  await person.atAccount(two);
  await one.goto("/app/login");
  await one.getByText("You are logged in as bob@example.org").waitFor();
  await person.tryLogin(one, ANN);
  await person.atAccount(one);
  await two.getByText(ANN).first().waitFor();
  checks.equal("a tab never shows whose session it was", await two.locator("#who-email").textContent(), ANN);
}

/** The answer to a renewal that comes after that to a login in another tab. */
async function lateRenewal({ server, checks, open }) {
  const one = await open();
  await person.register(one, ANN);
  const two = await one.context().newPage();
  await two.goto("/app/login");
  await two.getByText(`You are logged in as ${ANN}`).waitFor();
  await one.context().clearCookies({ name: TOKEN });
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  let renewed;
  const answered = new Promise((resolve) => {
    renewed = resolve;
  });
  await one.route("**/refresh", async (route) => {
    const response = await route.fetch();
    renewed();
    await held;
    await route.fulfill({ response });
  });
  await press(one, "Save");
  await answered;
  const logins = sent(two, "POST /login");
  await person.tryLogin(two, ANN);
  const waits = async () => (await navigator.locks.query()).pending.length === 1;
  await two.waitForFunction(waits, undefined, { timeout: 5000 }).catch(() => {});
  checks.equal("the login waits for its turn", logins.length, 0);
  release();
  await person.atAccount(two);
  await one.getByText("Saved.").waitFor();
  await two.reload();
  await person.atAccount(two);
  checks.that("the new session is the one that is kept", await two.locator("#who-email").isVisible());
  await one.context().unrouteAll();
}

async function backButton({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN, { name: "Ann Unforgettable" });
  await page.goto("/app/register");
  await page.getByText("You are logged in as").waitFor();
  await page.goBack();
  await person.atAccount(page);
  checks.equal("back while logged in", await page.locator("#who-email").textContent(), ANN);
  await person.logOut(page);
  for (const step of ["goBack", "goBack", "goForward"]) {
    await page[step]();
    await page.waitForLoadState();
    await page.waitForURL((url) => url.pathname !== "/app/account");
    const text = await page.evaluate(() => document.body.innerText);
    checks.that("nothing of the account is shown", !text.includes("Unforgettable") && !text.includes(ANN), text);
  }
  const answer = await page.goto("/app/account");
  checks.equal("pages are not kept", answer.headers()["cache-control"], "no-store");
  await page.waitForURL(/\/app\/login/);
}

/** A page that is brought back as it was, which `no-store` leaves to the browser. */
async function revived({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  const main = page.locator("main");
  checks.equal("it is left empty", await main.evaluate((node) => getComputedStyle(node).visibility), "hidden");
  await page.context().clearCookies();
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
  await page.waitForURL(/\/app\/login/);
  checks.that("and asks again", (await note(page)).includes("session has ended"));
}

async function disabled({ server, checks, open }) {
  const admin = await open();
  await person.register(admin, "root@example.org", { name: "Root" });
  await admin.goto(await server.link("root@example.org", ...MAIL.verify));
  await press(admin, "Confirm the address");
  await server.says("root@example.org is an administrator");

  const page = await open();
  await person.register(page, ANN);
  const id = await page.evaluate(async () => (await (await fetch("/profile")).json()).user_id);
  const status = await admin.evaluate(async (user) => {
    const answer = await fetch(`/admin/users/${user}/status`, {
      method: "PUT",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ status: "disabled" }),
    });
    return answer.status;
  }, id);
  checks.equal("an administrator disables the account", status, 200);
  await press(page, "Save");
  await page.waitForURL(/\/app\/login/);
  checks.that("the person is out", (await note(page)).includes("session has ended"));
  await person.tryLogin(page, ANN);
  const alert = await person.alertOf(page);
  checks.that("and is told no more than a stranger", alert.includes("is wrong"), alert);
  checks.equal("what was typed is still there", await field(page, "Email address").inputValue(), ANN);
}

export default [
  { name: "a session that runs out", run: expired },
  { name: "a session that runs out at a link", run: expiredAtALink },
  { name: "a session until the browser closes", run: untilTheBrowserCloses },
  { name: "two tabs", run: twoTabs },
  { name: "a renewal that is answered late", run: lateRenewal },
  { name: "the back button after a logout", run: backButton },
  { name: "a page that the browser brings back", run: revived },
  { name: "an account that is disabled", environment: { ADMIN: "root@example.org" }, run: disabled },
];
