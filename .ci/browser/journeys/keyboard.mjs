// Registering and logging in without a mouse.

import * as person from "../person.mjs";

const { PASSWORD } = person;
const ANN = "ann@example.org";

/** Presses Tab until what has the focus is called `name`; each stop must show that it has it. */
async function tabTo(page, checks, name) {
  const passed = [];
  for (let stop = 0; stop < 30; stop += 1) {
    await page.keyboard.press("Tab");
    const found = await person.focused(page);
    passed.push(found);
    const outline = await page.evaluate(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return outlineStyle === "none" ? 0 : Number.parseFloat(outlineWidth);
    });
    if (outline < 2) checks.fail(`"${found}" does not show that it has the focus`);
    if (found === name) {
      checks.that(`"${name}" is reached`, true);
      return;
    }
  }
  throw new Error(`"${name}" is not among ${passed.join(", ")}`);
}

async function run({ server, checks, open }) {
  const page = await open();
  const { keyboard } = page;
  const type = async (label, text) => {
    await tabTo(page, checks, label);
    await keyboard.type(text);
  };
  await page.goto("/");
  await page.getByRole("link", { name: "Log in" }).waitFor();
  await keyboard.press("Tab");
  checks.equal("first of all the content can be gone to", await person.focused(page), "Skip to the content");
  await keyboard.press("Enter");
  checks.equal("it is gone to", await page.evaluate(() => document.activeElement.id), "main");
  await tabTo(page, checks, "Create an account");
  await keyboard.press("Enter");
  await page.waitForURL(/\/app\/register/);

  await type("Your name", "Ann Lee");
  await type("Email address", ANN);
  await type("Password", PASSWORD);
  await tabTo(page, checks, "Show the password");
  await keyboard.press("Space");
  const shown = await page.getByLabel("Password", { exact: true }).getAttribute("type");
  checks.equal("the password is shown", shown, "text");
  const pressed = await page.getByRole("button", { name: "Hide the password" }).getAttribute("aria-pressed");
  checks.equal("and the button says so", pressed, "true");
  await type("The password once more", "something else");
  await keyboard.press("Enter");
  await page.locator("[aria-invalid=true]").waitFor();
  checks.equal("an error takes one to its field", await person.focused(page), "The password once more");
  await keyboard.press("ControlOrMeta+A");
  await keyboard.type(PASSWORD);
  await tabTo(page, checks, "Create the account");
  await keyboard.press("Enter");
  await person.atAccount(page);

  await tabTo(page, checks, "Log out");
  await keyboard.press("Enter");
  await page.waitForURL(/\/app\/login/);
  await type("Email address", ANN);
  await type("Password", PASSWORD);
  await tabTo(page, checks, "Keep me logged in on this device");
  await keyboard.press("Space");
  checks.that("the box is switched", !(await page.locator("#remember").isChecked()));
  await tabTo(page, checks, "Log in");
  await keyboard.press("Enter");
  await person.atAccount(page);

  await tabTo(page, checks, "Delete my account…");
  await keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  for (let stop = 0; stop < 8; stop += 1) {
    await keyboard.press("Tab");
    const inside = await page.evaluate(
      () => document.activeElement === document.body || document.activeElement.closest("dialog") !== null,
    );
    if (!inside) checks.fail(`the focus left the dialog: ${await person.focused(page)}`);
  }
  await keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  checks.equal("the focus goes back", await person.focused(page), "Delete my account…");
}

export default [{ name: "without a mouse", run }];
