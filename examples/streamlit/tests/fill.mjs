// Fields that are filled by paste, and as a password manager fills them: the value of the input
// is set and `input` and `change` are sent, without the focus and without a key. On /register,
// /verify, /login and /reset, in a real Chromium.

import assert from "node:assert/strict";

import { field, shows } from "./browser/keyboard.mjs";
import { PASSWORD, app, cookieOf, eventually, mailed, person, run } from "./browser/world.mjs";

const OTHER_PASSWORD = "quartz!Meadow 93 ferry";

async function paste(page, label, text) {
  await page.evaluate((words) => navigator.clipboard.writeText(words), text);
  await field(page, label).click();
  await page.keyboard.press("Control+A");
  await page.keyboard.press("Control+V");
}

/** All fields at once, as soon as they are there. */
async function autofill(page, values) {
  for (const label of Object.keys(values)) await field(page, label).waitFor();
  await page.evaluate((wanted) => {
    const { set } = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
    for (const [label, value] of Object.entries(wanted)) {
      const input = document.querySelector(`input[aria-label='${label}']`);
      set.call(input, value);
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  }, values);
}

const ways = {
  paste: async (page, values) => {
    for (const [label, value] of Object.entries(values)) await paste(page, label, value);
  },
  autofill,
};

const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();

/** What password managers go by. */
async function isCalled(page, wanted) {
  for (const [label, name] of Object.entries(wanted)) {
    assert.equal(await field(page, label).getAttribute("autocomplete"), name, label);
  }
}

const fresh = async () => {
  const context = await person();
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: app });
  return context.newPage();
};

async function journey(way, fill) {
  const email = `${way}@example.org`;
  let page = await fresh();
  await page.goto(`${app}/register`);
  await fill(page, {
    Name: "Ann Lee",
    "Email address": email,
    Password: PASSWORD,
    "Password, once more": PASSWORD,
  });
  await isCalled(page, {
    Name: "name",
    "Email address": "username",
    Password: "new-password",
    "Password, once more": "new-password",
  });
  await shows(page, "This is a very good password.");
  await press(page, "Register");
  await shows(page, "Your account is made.");
  await cookieOf(page);
  await page.context().close();

  page = await fresh();
  await page.goto(`${app}/verify`);
  await fill(page, {
    "Link from the mail": await mailed(email, "/email/verify"),
    "The password that you registered with": PASSWORD,
  });
  await isCalled(page, {
    "Link from the mail": "one-time-code",
    "The password that you registered with": "current-password",
  });
  await press(page, "Confirm");
  await shows(page, "Your address is confirmed, and you are logged in.");
  await page.context().close();

  page = await fresh();
  await page.goto(`${app}/forgot`);
  await fill(page, { "Email address": email });
  await isCalled(page, { "Email address": "username" });
  await press(page, "Send me a link");
  await shows(page, "a mail with a link is on its way");
  await page.goto(`${app}/reset`);
  await fill(page, {
    "Link from the mail": await mailed(email, "/password/reset"),
    "New password": OTHER_PASSWORD,
    "New password, once more": OTHER_PASSWORD,
  });
  await isCalled(page, {
    "Link from the mail": "one-time-code",
    "New password": "new-password",
    "New password, once more": "new-password",
  });
  await press(page, "Set the new password");
  await shows(page, "Log in with it now.");

  await page.goto(`${app}/login`);
  await isCalled(page, { "Email address": "username", Password: "current-password" });
  // A first value that is wrong is replaced, and not added to.
  await fill(page, { "Email address": email, Password: PASSWORD });
  await press(page, "Log in");
  await shows(page, "The email address or the password is wrong.");
  await fill(page, { Password: OTHER_PASSWORD });
  await press(page, "Log in");
  await shows(page, "Start the exam");
  await page.context().close();
}

/** A manager that fills and sends at once, by Enter in a field that had no focus before. */
async function sentAtOnce() {
  const page = await fresh();
  await page.goto(`${app}/login`);
  await autofill(page, { "Email address": "autofill@example.org", Password: OTHER_PASSWORD });
  await field(page, "Password").press("Enter");
  await shows(page, "Start the exam");
  await eventually(async () => (await cookieOf(page)).value, "the cookie");
}

await run(async () => {
  for (const [way, fill] of Object.entries(ways)) {
    await journey(way, fill);
    console.log(`by ${way}: registered, confirmed, a new password set, logged in`);
  }
  await sentAtOnce();
  console.log("filled and sent by Enter at once");
});
