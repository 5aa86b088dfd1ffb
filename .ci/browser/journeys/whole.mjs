// An account from its first to its last day.

import { readFile } from "node:fs/promises";

import * as person from "../person.mjs";

const { PASSWORD, OTHER, MAIL, button, field, fill, press } = person;
const ANN = "ann@example.org";

async function run({ server, checks, open }) {
  const page = await open();
  await page.goto("/");
  await page.getByRole("link", { name: "Create an account" }).click();
  await chooseAPassword(page, checks);
  await press(page, "Create the account");
  await person.atAccount(page);
  checks.equal("the badge tells that the address waits", await badge(page), "Not confirmed yet");

  const link = await server.link(ANN, ...MAIL.verify);
  await page.goto(link);
  await button(page, "Confirm the address").waitFor();
  checks.equal("the token leaves the address bar", page.url(), `${server.origin}/email/verify`);
  await press(page, "Confirm the address");
  await page.getByRole("heading", { name: "Your address is confirmed" }).waitFor();
  await page.getByRole("link", { name: "To your account" }).click();
  await person.atAccount(page);
  checks.equal("the badge tells that it is confirmed", await badge(page), "Confirmed");

  await profile(page, checks);
  await devices(page, checks, server, open);
  await activityAndExport(page, checks);
  await changePassword(page, checks);

  await person.logOut(page);
  checks.that("the login says that one is out", (await note(page)).includes("logged out"));
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await fill(page, { "Email address": ANN });
  await press(page, "Mail me a link");
  await page.getByRole("heading", { name: "Look into your mailbox" }).waitFor();
  await page.goto(await server.link(ANN, ...MAIL.reset));
  checks.equal("nor does a reset token stay", page.url(), `${server.origin}/password/reset`);
  await fill(page, { "New password": PASSWORD, "The new password once more": PASSWORD });
  await press(page, "Set the password");
  await page.waitForURL(/\/app\/login/);
  checks.that("the login says that it is set", (await note(page)).includes("new password is set"));
  await person.tryLogin(page, ANN);
  await person.atAccount(page);

  await deleteAccount(page, checks);
  await page.goto("/app/login");
  await person.tryLogin(page, ANN);
  checks.that("nobody logs in any more", (await person.alertOf(page)).includes("is wrong"));
}

const badge = (page) => page.locator("#badge").textContent();
const note = (page) => page.locator("#note").textContent();

async function chooseAPassword(page, checks) {
  await fill(page, { "Your name": "Ann Lee", "Email address": ANN });
  const words = page.locator(".strength-words");
  await fill(page, { Password: "annlee1" });
  await words.getByText("Very weak").or(words.getByText("Weak")).waitFor();
  const advice = await words.textContent();
  checks.that("weak passwords get zxcvbn's advice", /word|name/i.test(advice), advice);
  checks.that("and the rules that they break", advice.includes("at least 8 characters"), advice);
  checks.equal("said politely", await words.getAttribute("role"), "status");
  await fill(page, { Password: PASSWORD });
  await words.getByText(/Strong|Very strong/).waitFor();
  const password = field(page, "Password");
  checks.equal("hidden at first", await password.getAttribute("type"), "password");
  await press(page, "Show the password");
  checks.equal("shown on demand", await password.getAttribute("type"), "text");
  await press(page, "Hide the password");
  await fill(page, { "The password once more": PASSWORD });
  const hints = await page.locator("form input").evaluateAll((inputs) => inputs.map((one) => one.autocomplete));
  checks.equal("password managers find their way", hints, ["name", "username", "new-password", "new-password"]);
}

async function profile(page, checks) {
  await fill(page, { "Your name": "Ann Lee-Smith" });
  await field(page, "Your level").selectOption("B2");
  await page.getByLabel("What you practise for").fill("Work in Lisbon");
  await press(page, "Save");
  await page.getByText("Saved.").waitFor();
  checks.equal("the new name is shown", await page.locator("#who-name").textContent(), "Ann Lee-Smith");
  await page.reload();
  await person.atAccount(page);
  checks.equal("the level is kept", await field(page, "Your level").inputValue(), "B2");
  const goal = await page.getByLabel("What you practise for").inputValue();
  checks.equal("and so is the goal", goal, "Work in Lisbon");
}

async function devices(page, checks, server, open) {
  const rows = page.locator("#device-list li");
  await rows.first().waitFor();
  checks.equal("one device at first", await rows.count(), 1);
  checks.that("it is this one", (await rows.first().textContent()).includes("This device"));

  const phone = await open({ width: 390, height: 844 });
  await person.logIn(phone, ANN);
  const tablet = await open();
  await person.logIn(tablet, ANN);
  await page.reload();
  await rows.nth(2).waitFor();
  const other = rows.filter({ hasNotText: "This device" });
  await other.first().getByRole("button").click();
  await page.getByText("is logged out.").waitFor();
  checks.equal("one is gone", await rows.count(), 2);
  checks.equal("the reader goes on at the heading", await person.focused(page), "Devices");
  await press(page, "Log out all other devices");
  await page.getByText("All other devices are logged out.").waitFor();
  checks.equal("this one is left", await rows.count(), 1);
  for (const gone of [phone, tablet]) {
    await gone.reload();
    await gone.waitForURL(/\/app\/login/);
    checks.that("the others are told", (await note(gone)).includes("session has ended"));
  }
}

async function activityAndExport(page, checks) {
  const events = page.locator("#event-list li");
  await events.first().waitFor();
  checks.equal("the newest five events", await events.count(), 5);
  await press(page, "Show older ones");
  await events.nth(5).waitFor();
  await events.getByText("Account created").waitFor();

  const [file] = await Promise.all([
    page.waitForEvent("download"),
    press(page, "Download my data"),
  ]);
  const data = JSON.parse(await readFile(await file.path(), "utf8"));
  checks.equal("the file is named", file.suggestedFilename(), "account.json");
  checks.equal("and is about this account", data.profile.email, ANN);
}

async function changePassword(page, checks) {
  const form = page.locator("#password-form");
  await field(form, "Your password now").fill(PASSWORD);
  await field(form, "New password").fill(OTHER);
  await field(form, "The new password once more").fill(OTHER);
  await press(page, "Change the password");
  await page.getByText("Your password is changed.").waitFor();
  checks.equal("what was typed is gone", await field(form, "New password").inputValue(), "");
  await page.reload();
  await person.atAccount(page);
  const whose = await form.locator("[autocomplete=username]").inputValue();
  checks.equal("a password manager knows whose it is", whose, ANN);
}

async function deleteAccount(page, checks) {
  await press(page, "Delete my account…");
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await dialog.waitFor();
  await press(dialog, "Keep it");
  await dialog.waitFor({ state: "hidden" });
  checks.equal("the focus is back", await person.focused(page), "Delete my account…");
  await press(page, "Delete my account…");
  await field(dialog, "Your password").fill(PASSWORD);
  await press(dialog, "Delete the account");
  await page.waitForURL(/\/\?note=deleted/);
  await page.getByText("Your account has been deleted.").waitFor();
  checks.equal("no cookie is left", await page.context().cookies(), []);
}

export default [{ name: "the whole life of an account", run }];
