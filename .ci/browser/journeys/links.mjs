// Mailed links: in a browser without a session, with somebody else's, opened by
// a program, used twice; and addresses that a stranger registered.

import * as person from "../person.mjs";

const { PASSWORD, OTHER, MAIL, button, field, fill, press } = person;
const ANN = "ann@example.org";
const BOB = "bob@example.org";

const heading = (page, name) => page.getByRole("heading", { name }).waitFor();

async function withoutSession({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const link = await server.link(ANN, ...MAIL.verify);

  const elsewhere = await open();
  await elsewhere.goto(link);
  await field(elsewhere, "Password").waitFor();
  checks.equal("the token leaves the address bar", elsewhere.url(), `${server.origin}/email/verify`);
  await fill(elsewhere, { Password: OTHER });
  await press(elsewhere, "Confirm the address");
  const error = await person.errorOf(elsewhere, "Password");
  checks.that("a wrong one is told beside the field", error.includes("not the password"), error);
  checks.equal("and has the focus", await person.focused(elsewhere), "Password");
  await fill(elsewhere, { Password: PASSWORD });
  await press(elsewhere, "Confirm the address");
  await heading(elsewhere, "Your address is confirmed");
  await elsewhere.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(elsewhere);

  const again = await open();
  await again.goto(link);
  await fill(again, { Password: PASSWORD });
  await press(again, "Confirm the address");
  await heading(again, "This link cannot be used");
  checks.equal("a used link opens nothing", await again.context().cookies(), []);
  await again.reload();
  await heading(again, "This link cannot be used");
}

/** An address that is confirmed, where the server could not open a session. */
async function confirmedOnly({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const link = await server.link(ANN, ...MAIL.verify);
  const elsewhere = await open();
  await elsewhere.goto(link);
  await elsewhere.route("**/email/verify", (route) =>
    route.fulfill({ json: { message: "Your address is confirmed. Log in to go on." } }),
  );
  await fill(elsewhere, { Password: PASSWORD });
  await press(elsewhere, "Confirm the address");
  await heading(elsewhere, "Your address is confirmed");
  checks.equal("nobody is told of a login", await elsewhere.locator("#done-text").textContent(), "Log in to go on.");
  await elsewhere.getByRole("link", { name: "To your account" }).click();
  await elsewhere.waitForURL(/\/app\/login/);
}

async function withAnothersSession({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const link = await server.link(ANN, ...MAIL.verify);
  await person.logOut(page);
  await person.register(page, BOB, { name: "Bob" });
  await page.goto(link);
  // Shown once the page knows who is logged in, and not before.
  await button(page, "Confirm the address").waitFor();
  const lead = await page.locator("#as").textContent();
  checks.that("it says who is logged in", lead.includes(BOB), lead);
  await press(page, "Confirm the address");
  await field(page, "Password").waitFor();
  checks.that("and that the link is another's", (await page.locator("#as").textContent()).includes("another account"));
  checks.equal("the password can be typed at once", await person.focused(page), "Password");
  await fill(page, { Password: PASSWORD });
  await press(page, "Confirm the address");
  await heading(page, "Your address is confirmed");
  await page.goto("/app/account");
  await person.atAccount(page);
  checks.equal("now it is Ann's session", await page.locator("#who-email").textContent(), ANN);
}

async function openedByAProgram({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const verify = await server.link(ANN, ...MAIL.verify);
  const disown = verify.replace("/email/verify", "/email/disown");
  // Also where the person is logged in, so that no password would be missing.
  for (const opener of [await open(), await page.context().newPage()]) {
    const sent = [];
    opener.on("request", (request) => sent.push(`${request.method()} ${new URL(request.url()).pathname}`));
    for (const link of [verify, disown]) {
      await opener.goto(link);
      await opener.locator("main button[type=submit]").waitFor();
      await opener.waitForLoadState("networkidle");
    }
    const changing = sent.filter((line) => !line.startsWith("GET ") && line !== "POST /refresh");
    checks.equal("opening a link sends nothing that changes anything", changing, []);
  }
  await page.reload();
  await person.atAccount(page);
  const badge = await page.locator("#badge").textContent();
  checks.equal("the account is as it was", badge, "Not confirmed yet");
}

async function squatted({ server, checks, open }) {
  const squatter = await open();
  await person.register(squatter, ANN, { name: "Mallory", password: OTHER });
  const disown = await server.link(ANN, ...MAIL.disown);
  const verify = disown.replace("/email/disown", "/email/verify");

  const owner = await open();
  await owner.goto(verify);
  await fill(owner, { Password: PASSWORD });
  await press(owner, "Confirm the address");
  await person.errorOf(owner, "Password");
  checks.that("the owner cannot confirm it by mistake", await field(owner, "Password").isVisible());
  checks.that("and is told what to do", await owner.getByText("somebody else used your address").isVisible());
  await owner.goto(disown);
  await press(owner, "Remove the account");
  await heading(owner, "The account is removed");
  await squatter.reload();
  await squatter.waitForURL(/\/app\/login/);
  const note = squatter.locator("#note");
  await note.waitFor();
  checks.that("the squatter is out", (await note.textContent()).includes("ended"));
  await person.register(owner, ANN, { name: "Ann" });
  checks.equal("the address is the owner's", await owner.locator("#who-name").textContent(), "Ann");
  await squatter.goto("/app/login");
  await person.tryLogin(squatter, ANN, OTHER);
  checks.that("the squatter stays out", (await person.alertOf(squatter)).includes("wrong"));
  await owner.goto(disown);
  await press(owner, "Remove the account");
  await heading(owner, "This link cannot be used");
}

async function anotherAddress({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const form = page.locator("#address-form");
  const ask = async (address) => {
    await field(form, "New email address").fill(address);
    await field(form, "Your password").fill(PASSWORD);
    await press(form, "Mail me a link");
    await form.getByText("A mail with a link has been sent").waitFor();
    return server.link(address, ...MAIL.change);
  };
  const link = await ask("ann.lee@example.org");
  checks.equal("nothing has changed yet", await page.locator("#who-email").textContent(), ANN);

  const elsewhere = await open();
  await person.register(elsewhere, BOB, { name: "Bob" });
  await elsewhere.goto(link);
  await press(elsewhere, "Use the new address");
  await heading(elsewhere, "Log in to confirm your new address");
  const lead = await elsewhere.locator("#who-text").textContent();
  checks.that("it is another account's link", lead.includes("another account"), lead);
  await person.tryLogin(elsewhere, ANN);
  await press(elsewhere, "Use the new address");
  await heading(elsewhere, "Your new address is confirmed");
  await elsewhere.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(elsewhere);
  const email = await elsewhere.locator("#who-email").textContent();
  checks.equal("the new address counts", email, "ann.lee@example.org");

  await page.reload();
  await person.atAccount(page);
  const stranger = await open();
  await stranger.goto(await ask("ann.3@example.org"));
  await heading(stranger, "Log in to confirm your new address");
  await person.tryLogin(stranger, "ann.lee@example.org", OTHER);
  checks.that("a wrong password", (await person.alertOf(stranger)).includes("wrong"));
  await person.tryLogin(stranger, "ann.lee@example.org");
  await press(stranger, "Use the new address");
  await heading(stranger, "Your new address is confirmed");
  await stranger.goto(link);
  await press(stranger, "Use the new address");
  await heading(stranger, "This link cannot be used");
}

async function verifyFirst({ server, checks, open }) {
  const page = await open();
  const register = async () => {
    await page.goto("/app/register");
    await fill(page, {
      "Your name": "Ann",
      "Email address": ANN,
      Password: PASSWORD,
      "The password once more": PASSWORD,
    });
    await press(page, "Create the account");
    await heading(page, "Look into your mailbox");
  };
  await register();
  checks.equal("the reader goes on at the heading", await person.focused(page), "Look into your mailbox");
  checks.equal("there is no session", await page.context().cookies(), []);
  const again = page.locator("#resend");
  checks.that("sending again has to wait", /in (1:00|0:5\d)/.test(await again.textContent()));
  const first = await server.link(ANN, ...MAIL.complete);
  await again.click({ force: true });
  checks.equal("and does nothing until then", server.mails().length, 1);

  await page.goto(first);
  await fill(page, { Password: PASSWORD });
  await press(page, "Confirm the address");
  await heading(page, "Your address is confirmed");
  await page.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(page);
  checks.equal("confirmed from the start", await page.locator("#badge").textContent(), "Confirmed");
  await person.logOut(page);
  await register();
  await server.mail(ANN, "already have an account");
  checks.that("a taken address gets the same page", await button(page, "Create the account").isHidden());
}

export default [
  { name: "a link in a browser without a session", run: withoutSession },
  { name: "a link that opens no session", run: confirmedOnly },
  { name: "a link with somebody else's session", run: withAnothersSession },
  { name: "links that a program opens", run: openedByAProgram },
  { name: "an address that a stranger registered", run: squatted },
  { name: "another address", run: anotherAddress },
  { name: "registration that waits for the mail", environment: { REGISTRATION: "verify-first" }, run: verifyFirst },
];
