// What the journeys have in common, by keyboard alone.

import assert from "node:assert/strict";

import { field, focus, picture, press, shows, type } from "./keyboard.mjs";
import { COOKIE, PASSWORD, app, cookieOf, eventually, mailed } from "./world.mjs";

/** Registers; the page says that a mail is on its way. */
export async function register(page, name, email, broken = false) {
  await page.goto(`${app}/register`);
  if (broken) {
    await type(page, "Name", name);
    await type(page, "Email address", "ann@");
    await type(page, "Password", "password1");
    // Before anything is sent, and without a word being lost.
    await shows(page, /This is a very common password|This password is easy to guess/);
    await type(page, "Password, once more", "password");
    await press(page, "Register");
    await shows(page, "The two passwords differ.");
    assert.equal(await field(page, "Email address").inputValue(), "ann@");
    assert.equal(await field(page, "Password").inputValue(), "password1");
    // The address in the message is an example and no link.
    assert.equal(await page.locator("a[href^='mailto:']").count(), 0);
    if (page.viewportSize().width > 640) await picture(page, "register");
  }
  await type(page, "Name", name);
  await type(page, "Email address", email);
  await type(page, "Password", PASSWORD);
  await type(page, "Password, once more", PASSWORD);
  await press(page, "Register");
  await shows(page, "Your account is made.");
  await cookieOf(page);
}

/** On a phone the heading is in the first fifth of the screen. Every page says whose it is. */
export async function beginsHigh(page, account) {
  const { width, height } = page.viewportSize();
  const line = page.locator(".st-key-account").getByText(account);
  await line.waitFor();
  if (width > 640) return;
  const title = await page.locator("h1").first().boundingBox();
  assert.ok(title.y + title.height < height / 5, `the heading ends at ${title.y + title.height}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} wide`);
}

/** Opens the link of a mail, whose token leaves the address bar before anything is asked. */
export async function open(page, link, path) {
  await page.goto(link);
  await eventually(() => page.url() === `${app}${path}`, "an address without the token");
  await field(page, "Link from the mail").waitFor({ state: "detached" });
}

export const noCookie = (page) =>
  eventually(
    async () => !(await page.context().cookies(app)).some((c) => c.name === COOKIE),
    "the cookie gone",
  );

export async function confirm(page, email) {
  await open(page, await mailed(email, "/email/verify"), "/verify");
  await press(page, "Confirm");
  await shows(page, /Your address .* is confirmed\./);
}

export async function logIn(page, email, password = PASSWORD) {
  await type(page, "Email address", email);
  await type(page, "Password", password);
  await press(page, "Log in");
}

export async function startExam(page) {
  await press(page, "Start the exam");
  await press(page, "Begin");
  await shows(page, "Preparation:");
  await press(page, "I am ready to speak");
  await shows(page, "Speaking time:");
}

export async function logOut(page) {
  const sidebar = page.getByTestId("stSidebar");
  const button = sidebar.getByRole("button", { name: "Log out" });
  const opener = page.getByTestId("stExpandSidebarButton");
  if (await opener.isVisible()) {
    await focus(page, opener);
    await page.keyboard.press("Enter");
  }
  await focus(page, button);
  await page.keyboard.press("Enter");
  await shows(page, "You are logged out.");
  await noCookie(page);
}
