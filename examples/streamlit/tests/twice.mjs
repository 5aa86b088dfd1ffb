// Buttons that are pressed twice, as people do who are used to a double click: each act happens once,
// and nothing is said of the second press.

import assert from "node:assert/strict";

import { field, go, shows } from "./browser/keyboard.mjs";
import { open } from "./browser/steps.mjs";
import { PASSWORD, app, call, cookieOf, mailed, person, run } from "./browser/world.mjs";

const EMAIL = "ann@example.org";
const OTHER_PASSWORD = "violet-Kettle-93-summit";

const fill = (page, label, text) => field(page, label).fill(text);

async function pressTwice(page, name) {
  // A page that is still being drawn moves its buttons.
  await page.waitForTimeout(1500);
  await page.getByRole("button", { name, exact: true }).first().dblclick();
}

/** What the page says is wrong. */
async function saysNothingWrong(page) {
  await page.waitForTimeout(1500);
  assert.deepEqual(await page.getByTestId("stAlertContentError").allInnerTexts(), []);
}

const sessions = async (password = PASSWORD) => {
  const { token } = await call("POST", "/login", { email: EMAIL, password });
  const listed = await call("GET", "/sessions", undefined, token);
  await call("POST", "/logout", {}, token);
  return listed.sessions.length - 1;
};

async function takesAnExam(page) {
  await page.goto(app);
  await pressTwice(page, "Start the exam");
  for (const after of ["Prompt 2 of 2", "Your answers are handed in."]) {
    await pressTwice(page, "Begin");
    await shows(page, "Preparation:");
    await pressTwice(page, "I am ready to speak");
    await shows(page, "Speaking time:");
    await fill(page, "Or type what you say", "I am Ann.");
    await page.keyboard.press("Tab");
    await pressTwice(page, "Hand in the answer");
    await shows(page, after);
    await saysNothingWrong(page);
    assert.ok(await page.getByText(after).first().isVisible());
  }
  await go(page, "My answers");
  await page.getByTestId("stExpander").first().waitFor();
  return page.getByTestId("stExpander").count();
}

await run(async () => {
  const page = await (await person()).newPage();
  await page.goto(`${app}/register`);
  await fill(page, "Name", "Ann");
  await fill(page, "Email address", EMAIL);
  await fill(page, "Password", PASSWORD);
  await fill(page, "Password, once more", PASSWORD);
  await pressTwice(page, "Register");
  await shows(page, "Your account is made.");
  await cookieOf(page);
  await saysNothingWrong(page);
  assert.equal(await sessions(), 1);

  await open(page, await mailed(EMAIL, "/email/verify"), "/verify");
  await pressTwice(page, "Confirm");
  await shows(page, /Your address .* is confirmed\./);
  await saysNothingWrong(page);

  assert.equal(await takesAnExam(page), 2);

  await pressTwice(page, "Log out");
  await shows(page, "You are logged out.");
  await saysNothingWrong(page);

  await page.goto(`${app}/forgot`);
  await fill(page, "Email address", EMAIL);
  await pressTwice(page, "Send me a link");
  await shows(page, "If there is an account with this address");
  await saysNothingWrong(page);
  await open(page, await mailed(EMAIL, "/password/reset"), "/reset");
  await fill(page, "New password", OTHER_PASSWORD);
  await fill(page, "New password, once more", OTHER_PASSWORD);
  await pressTwice(page, "Set the new password");
  await shows(page, "Your new password is set.");
  await saysNothingWrong(page);

  await page.goto(`${app}/login`);
  await fill(page, "Email address", EMAIL);
  await fill(page, "Password", OTHER_PASSWORD);
  await pressTwice(page, "Log in");
  await page.getByRole("button", { name: "Start the exam" }).waitFor();
  await cookieOf(page);
  await saysNothingWrong(page);
  assert.equal(await sessions(OTHER_PASSWORD), 1);

  await go(page, "Account");
  await page.getByRole("tab", { name: "Your data" }).click();
  await field(page, "Your password").filter({ visible: true }).fill(OTHER_PASSWORD);
  await pressTwice(page, "Delete my account");
  await shows(page, "Your account and your answers are deleted.");
  await saysNothingWrong(page);
  console.log("each act that was pressed twice happened once");
});
