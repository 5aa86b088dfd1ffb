// Too many attempts, a server that is gone, answers in the wrong order.

import * as person from "../person.mjs";

const { PASSWORD, OTHER, MAIL, field, fill, press } = person;
const ANN = "ann@example.org";

async function limited({ server, checks, open }) {
  const page = await open();
  await page.clock.install();
  await page.goto("/app/login");
  for (let attempt = 0; attempt < 5; attempt += 1) {
    await person.tryLogin(page, ANN, OTHER);
    await page.getByText("address or the password is wrong").waitFor();
  }
  await person.tryLogin(page, ANN, OTHER);
  const alert = page.getByText(/Too many attempts\. Wait (\d+ seconds|1 minute)/);
  await alert.waitFor();
  const submit = page.locator("#login button[type=submit]");
  const label = await submit.textContent();
  checks.that("the button shows how long", /^Log in \(in 0:(30|2\d)\)$/.test(label), label);
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await field(page, "Password").press("Enter");
  await submit.click({ force: true });
  checks.equal("and asks nothing until then", asked, []);
  checks.equal("what was typed is still there", await field(page, "Password").inputValue(), OTHER);
  await page.clock.fastForward(31_000);
  await page.locator("#login button[type=submit]:not([aria-disabled])").waitFor();
  checks.equal("then it can be used again", await submit.textContent(), "Log in");
}

async function mailLimited({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  await server.link(ANN, ...MAIL.verify);
  const ask = page.locator("#resend");
  await ask.click();
  await page.getByText("a mail with a link is on its way").waitFor();
  checks.that("sending again has to wait", /\(in (1:00|0:5\d)\)/.test(await ask.textContent()));
  await page.goto(await server.link(ANN, ...MAIL.verify));
  await press(page, "Confirm the address");
  await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
  for (let mail = 0; mail < 3; mail += 1) {
    await page.goto("/app/forgot");
    await fill(page, { "Email address": ANN });
    await press(page, "Mail me a link");
    await page.getByRole("heading", { name: "Look into your mailbox" }).waitFor();
  }
  await page.goto("/app/forgot");
  await fill(page, { "Email address": ANN });
  await press(page, "Mail me a link");
  const alert = await person.alertOf(page);
  checks.that("a limit is told with its time", /Wait 5 minutes/.test(alert), alert);
  checks.equal("the address is still there", await field(page, "Email address").inputValue(), ANN);
}

async function gone({ server, checks, open }) {
  const page = await open();
  await page.goto("/app/register");
  const typed = {
    "Your name": "Ann",
    "Email address": ANN,
    Password: PASSWORD,
    "The password once more": PASSWORD,
  };
  await fill(page, typed);
  await page.locator(".strength-words").getByText(/trong/).waitFor();
  await server.kill();
  await press(page, "Create the account");
  const alert = await person.alertOf(page);
  checks.that("it says that the server is gone", alert.includes("cannot be reached"), alert);
  for (const [label, value] of Object.entries(typed)) {
    checks.equal(`"${label}" is kept`, await field(page, label).inputValue(), value);
  }
  await server.revive();
  await press(page, "Create the account");
  await person.atAccount(page);
  await page.locator("#event-list li").first().waitFor();

  await server.kill();
  await page.locator("#logout").click();
  const warning = await person.alertOf(page);
  checks.that("nobody is told that they are out who is not", warning.includes("still logged in"), warning);
  await press(page, "Save");
  await page.locator("#profile-form .alert").waitFor();
  checks.that("a form says so, too", (await page.locator("#profile-form .alert").textContent()).includes("reached"));
  await server.revive();
}

async function unavailable({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  server.isDown = true;
  await page.route("**/profile", (route) => route.abort());
  await page.reload();
  await page.getByRole("heading", { name: "Something does not answer" }).waitFor();
  await page.goto("/");
  await page.getByRole("heading", { name: "Something does not answer" }).waitFor();
  await page.unroute("**/profile");
  await page.route("**/profile", (route) =>
    route.fulfill({ status: 503, headers: { "Retry-After": "7" }, body: "<html>busy</html>" }),
  );
  await page.goto("/app/account");
  const words = page.locator("#trouble-text");
  await words.waitFor();
  const text = await words.textContent();
  checks.that("an answer of a proxy is no riddle", text.includes("7 seconds"), text);
  checks.that("and is not taken for a logout", page.url().endsWith("/app/account"));
  await page.unroute("**/profile");
  await press(page, "Try again");
  await person.atAccount(page);
}

async function outOfOrder({ server, checks, open }) {
  const page = await open();
  await page.goto("/app/register");
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route("**/password/strength", async (route) => {
    const { password } = route.request().postDataJSON();
    if (password === "12345678") await held;
    // The page no longer waits for the first one.
    await route.continue().catch(() => {});
  });
  const first = page.waitForRequest("**/password/strength");
  await field(page, "Password").fill("12345678");
  await first;
  await field(page, "Password").fill(PASSWORD);
  const words = page.locator(".strength-words");
  await words.getByText(/Strong|Very strong/).waitFor();
  release();
  await page.unroute("**/password/strength", { behavior: "wait" });
  checks.that("the newest answer stays", /trong/.test(await words.textContent()));

  await page.route("**/password/strength", (route) =>
    route.fulfill({ status: 429, contentType: "application/problem+json", body: '{"code":"rate_limited"}' }),
  );
  await field(page, "Password").fill(`${PASSWORD}!`);
  await words.getByText(/trong/).waitFor({ state: "detached" });
  checks.equal("without an answer nothing is claimed", await words.textContent(), "");
}

export default [
  { name: "too many attempts to log in", run: limited },
  { name: "too many mails", run: mailLimited },
  { name: "a server that dies", run: gone },
  { name: "a server that does not answer", run: unavailable },
  { name: "advice that comes too late", run: outOfOrder },
];
