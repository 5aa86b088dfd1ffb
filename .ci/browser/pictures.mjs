// The pictures in docs/screenshots: written when SCREENSHOTS names the folder.

import { mkdir, stat } from "node:fs/promises";

import * as person from "./person.mjs";

const { PASSWORD, MAIL, fill, press } = person;
const ANN = "ann@example.org";
const MAX_BYTES = 200_000;

const DESK = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const AGENTS = {
  laptop: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
  phone: "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
};

async function run({ server, checks, open }) {
  const folder = process.env.SCREENSHOTS;
  await mkdir(folder, { recursive: true });
  const picture = async (page, name, of = page) => {
    // Without a caret that blinks, so that a picture changes with the page only.
    const path = `${folder}/${name}.png`;
    await of.screenshot({ path, animations: "disabled", caret: "hide" });
    const { size } = await stat(path);
    checks.that(`${name} is small enough`, size < MAX_BYTES, String(size));
  };
  const registering = async (page, password) => {
    await page.goto("/app/register");
    await fill(page, { "Your name": "Ann Lee", "Email address": ANN, Password: password });
    await page.locator(".strength-words").getByText("Strength").waitFor();
  };
  const full = async (page, name, highest = 1600) => {
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const size = page.viewportSize();
    await page.setViewportSize({ width: size.width, height: Math.min(height, highest) });
    await picture(page, name);
    await page.setViewportSize(size);
  };

  for (const [device, settings] of Object.entries({ desktop: DESK, phone: PHONE })) {
    const page = await open(settings);
    await registering(page, "annlee2024");
    await page.getByText("Your name", { exact: true }).click();
    await full(page, `register-strength-${device}`);
    await fill(page, { "Email address": "ann@", "The password once more": "annlee" });
    await press(page, "Create the account");
    await page.locator(".summary").waitFor();
    await full(page, `register-errors-${device}`);
    await page.goto("/app/login?note=expired");
    await full(page, `login-${device}`);
  }

  const page = await open(DESK);
  await person.register(page, ANN);
  const stranger = await open(PHONE);
  await stranger.goto(await server.link(ANN, ...MAIL.verify));
  await stranger.locator("#proof").waitFor();
  await full(stranger, "verify-phone");

  for (const userAgent of Object.values(AGENTS)) {
    await person.logIn(await open({ userAgent }), ANN);
  }
  await page.reload();
  await page.locator("#event-list li").first().waitFor();
  await page.locator("#device-list li").nth(2).waitFor();
  await page.getByLabel("Your level", { exact: true }).selectOption("B2");
  await page.getByLabel("What you practise for").fill("Work in Lisbon");
  await press(page, "Save");
  await page.getByText("Saved.").waitFor();
  await page.mouse.move(0, 0);
  await full(page, "account-desktop", 1250);
  await picture(page, "devices-desktop", page.locator("#devices"));
  const [{ cookies }] = [await page.context().storageState()];
  const looks = { "account-phone": { ...PHONE }, "account-dark-desktop": { ...DESK, colorScheme: "dark" } };
  for (const [name, settings] of Object.entries(looks)) {
    const other = await open({ ...settings, storageState: { cookies, origins: [] } });
    await other.goto("/app/account");
    await other.locator("#event-list li").first().waitFor();
    await other.locator("#device-list li").nth(2).waitFor();
    await full(other, name, 1250);
  }
  const dark = await open({ ...PHONE, colorScheme: "dark" });
  await registering(dark, PASSWORD);
  await full(dark, "register-dark-phone");
}

export default [{ name: "pictures", run }];
