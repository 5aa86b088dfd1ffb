// Wrong input on every form: what is wrong is said beside the field, and what
// was typed is still there.

import * as person from "../person.mjs";

const { PASSWORD, OTHER, MAIL, button, field, fill, press } = person;
const ANN = "ann@example.org";

/** After `press`, each field has its error, and the reader is led to them. */
async function expectErrors(page, checks, form, submit, expected) {
  await press(form, submit);
  const labels = Object.keys(expected);
  for (const label of labels) {
    const error = await person.errorOf(form, label);
    checks.that(`"${label}" says what is wrong with it`, expected[label].test(error), error);
  }
  const marked = await form.locator("[aria-invalid=true]").count();
  checks.equal("and no other field does", marked, labels.length);
  const place = labels.length > 1 ? `There are ${labels.length} things to look at` : labels[0];
  checks.equal("the focus is where to go on", await person.focused(page), place);
}

async function registration({ server, checks, open }) {
  const page = await open();
  await page.goto("/app/register");
  const form = page.locator("#register");
  const submit = "Create the account";
  const labels = ["Your name", "Email address", "Password", "The password once more"];
  const [name, email, password, again] = labels;

  await expectErrors(page, checks, form, submit, {
    [name]: /Enter/, [email]: /Enter/, [password]: /Enter/, [again]: /Enter/,
  });
  await form.getByRole("link", { name: "Enter your email address." }).click();
  checks.equal("the summary leads to the field", await person.focused(page), email);
  await page.keyboard.type("a");
  checks.equal("an error goes when it is being mended", await form.locator("[aria-invalid=true]").count(), 3);

  const typed = { [name]: "  ", [email]: "ann@", [password]: "12345", [again]: "1234" };
  await fill(page, typed);
  await expectErrors(page, checks, form, submit, {
    [name]: /name/i, [email]: /address/i, [password]: /at least 8/, [again]: /differ/,
  });
  for (const [label, value] of Object.entries(typed)) {
    checks.equal(`"${label}" keeps what was typed`, await field(page, label).inputValue(), value);
  }

  await fill(page, { [name]: "Ann", [email]: ANN, [password]: PASSWORD, [again]: OTHER });
  await expectErrors(page, checks, form, submit, { [again]: /differ/ });
  await fill(page, { [again]: PASSWORD });
  await press(page, submit);
  await person.atAccount(page);
  await person.logOut(page);

  await page.goto("/app/register");
  await fill(page, { [name]: "Eve", [email]: "ANN@example.org", [password]: OTHER, [again]: OTHER });
  await expectErrors(page, checks, form, submit, { [email]: /already an account/ });
  await form.getByRole("link", { name: "Log in" }).click();
  await page.waitForURL(/\/app\/login/);
  await page.goBack();
  await field(page, name).waitFor();

  const long = "correct horse battery staple ".repeat(5);
  await fill(page, { [name]: "Eve", [email]: "eve@example.org", [password]: long, [again]: long });
  checks.equal("nothing is cut off", await field(page, password).inputValue(), long);
  await expectErrors(page, checks, form, submit, { [password]: /128|long/ });
}

async function login({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  await person.logOut(page);
  const form = page.locator("#login");
  await expectErrors(page, checks, form, "Log in", { "Email address": /Enter/, Password: /Enter/ });
  await fill(page, { "Email address": "ann", Password: PASSWORD });
  await expectErrors(page, checks, form, "Log in", { "Email address": /address/ });
  await person.tryLogin(page, ANN, OTHER);
  const alert = await person.alertOf(page);
  checks.that("a wrong password and an unknown address look the same", /address or the password/.test(alert), alert);
  checks.equal("the focus is at the password", await person.focused(page), "Password");
  checks.equal("the address is still there", await field(page, "Email address").inputValue(), ANN);
}

async function recovery({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  await person.logOut(page);
  await page.goto("/app/forgot");
  const forgot = page.locator("#forgot");
  await expectErrors(page, checks, forgot, "Mail me a link", { "Email address": /Enter/ });
  await fill(page, { "Email address": "@" });
  await expectErrors(page, checks, forgot, "Mail me a link", { "Email address": /address/ });
  await fill(page, { "Email address": "nobody@example.org" });
  await press(page, "Mail me a link");
  await page.getByRole("heading", { name: "Look into your mailbox" }).waitFor();
  checks.that("an unknown address gets the same answer", await page.getByText("has an account").isVisible());

  await page.goto("/password/forgot");
  await fill(page, { "Email address": ANN });
  await press(page, "Mail me a link");
  await page.goto(await server.link(ANN, ...MAIL.reset));
  const reset = page.locator("#reset");
  await fill(page, { "New password": "password", "The new password once more": "passwort" });
  await expectErrors(page, checks, reset, "Set the password", {
    "New password": /easy to guess|common/, "The new password once more": /differ/,
  });
  await fill(page, { "New password": OTHER, "The new password once more": OTHER });
  await press(page, "Set the password");
  await page.waitForURL(/\/app\/login/);
  await page.goto("/password/reset#token=adp_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  await fill(page, { "New password": OTHER, "The new password once more": OTHER });
  await press(page, "Set the password");
  await page.getByRole("heading", { name: "This link cannot be used" }).waitFor();
  for (const path of ["/password/reset", "/email/verify", "/email/disown", "/email/change/confirm"]) {
    await page.goto(path);
    await page.getByRole("heading", { name: "This link cannot be used" }).waitFor();
    checks.that(`${path} without a token says so`, true);
  }
}

async function account({ server, checks, open }) {
  const page = await open();
  await person.register(page, ANN);
  const profile = page.locator("#profile-form");
  await field(profile, "Your name").fill("");
  await expectErrors(page, checks, profile, "Save", { "Your name": /Enter/ });
  await field(profile, "Your name").fill("x".repeat(101));
  await expectErrors(page, checks, profile, "Save", { "Your name": /100/ });
  checks.equal("the name above stays as it was", await page.locator("#who-name").textContent(), "Ann Lee");

  const change = page.locator("#password-form");
  const submit = "Change the password";
  await expectErrors(page, checks, change, submit, {
    "Your password now": /Enter/, "New password": /Choose/, "The new password once more": /Enter/,
  });
  await field(change, "Your password now").fill(OTHER);
  await field(change, "New password").fill("exam simulator");
  await field(change, "The new password once more").fill("exam simulator");
  await expectErrors(page, checks, change, submit, { "New password": /guess/ });
  await field(change, "New password").fill("velvet 83 Comet quarry");
  await field(change, "The new password once more").fill("velvet 83 Comet quarry");
  await expectErrors(page, checks, change, submit, { "Your password now": /not your password/ });

  const address = page.locator("#address-form");
  await expectErrors(page, checks, address, "Mail me a link", {
    "New email address": /Enter/, "Your password": /Enter/,
  });
  await field(address, "New email address").fill(ANN);
  await field(address, "Your password").fill(PASSWORD);
  await expectErrors(page, checks, address, "Mail me a link", { "New email address": /already/ });
  await field(address, "New email address").fill("ann.lee@example.org");
  await field(address, "Your password").fill(OTHER);
  await expectErrors(page, checks, address, "Mail me a link", { "Your password": /not your password/ });

  await press(page, "Delete my account…");
  const dialog = page.locator("#delete-form");
  await expectErrors(page, checks, dialog, "Delete the account", { "Your password": /Enter/ });
  await field(dialog, "Your password").fill(OTHER);
  await expectErrors(page, checks, dialog, "Delete the account", { "Your password": /not your password/ });
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  await press(page, "Delete my account…");
  checks.equal("a dialog that was left is empty again", await field(dialog, "Your password").inputValue(), "");
  checks.that("the account is still there", await button(page, "Save").isVisible());
}

export default [
  { name: "wrong input: registration", run: registration },
  { name: "wrong input: login", run: login },
  { name: "wrong input: recovery and links", run: recovery },
  { name: "wrong input: account", run: account },
];
