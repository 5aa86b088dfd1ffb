// What a person does with the keyboard alone.

import { join } from "node:path";

import { pause } from "./world.mjs";

export const shows = (page, text) => page.getByText(text).first().waitFor();

const isFocused = (locator) =>
  locator.evaluate((element) => element === document.activeElement);

/** Tab after Tab, until the element has the focus. */
export async function focus(page, locator) {
  await locator.waitFor();
  for (let turn = 0; turn < 300; turn += 1) {
    if (await isFocused(locator)) return;
    await page.keyboard.press("Tab");
    // A page that is drawn again takes a moment.
    if (turn % 50 === 49) await pause(500);
  }
  throw new Error(`the keyboard does not reach ${locator}`);
}

export const field = (within, label) =>
  within.getByLabel(label, { exact: true }).and(within.locator("input, textarea"));

/** Types into a field, in place of what it has, and leaves it with Tab. */
export async function type(page, label, text, within = page) {
  await focus(page, field(within, label));
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
  await page.keyboard.press("Tab");
}

export async function press(page, name, within = page) {
  await focus(page, within.getByRole("button", { name, exact: true }).first());
  await page.keyboard.press("Enter");
}

/** Follows a link; on a phone most are in the sidebar, which is opened first. */
export async function go(page, name) {
  const link = page.getByRole("link", { name, exact: true }).first();
  const opener = page.getByTestId("stExpandSidebarButton");
  if (!(await link.isVisible()) && (await opener.isVisible())) {
    await focus(page, opener);
    await page.keyboard.press("Enter");
  }
  await focus(page, link);
  await page.keyboard.press("Enter");
}

/** Chooses the radio button `name` of a group. */
export async function choose(page, group, name) {
  const radios = page.getByRole("radiogroup", { name: group });
  const wanted = radios.getByRole("radio", { name, exact: true });
  await focus(page, radios.locator("input:checked"));
  for (let turn = 0; turn < 10 && !(await wanted.isChecked()); turn += 1) {
    await page.keyboard.press("ArrowRight");
    await pause(300);
  }
}

export async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await page.mouse.move(0, 0);
  await pause(1500);
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `streamlit-${name}.png`) });
}
