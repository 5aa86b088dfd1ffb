// The pictures in docs/screenshots: written when SCREENSHOTS names the folder.

import { stat } from "node:fs/promises";

import * as person from "../../browser/person.mjs";
import { connected, goOnAs, heading, signIn, ways } from "../visitor.mjs";

const MAX_BYTES = 200_000;
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 375, height: 812 };

async function run({ world, checks, open }) {
  const picture = async (page, name, of = page) => {
    const path = `${process.env.SCREENSHOTS}/federation-${name}.png`;
    await page.mouse.move(0, 0);
    // Without a caret that blinks, so that a picture changes with the page only.
    await of.screenshot({ path, animations: "disabled", caret: "hide" });
    const { size } = await stat(path);
    checks.that(`${name} is small enough`, size < MAX_BYTES, String(size));
  };
  const ann = await world.person({ name: "Ann Lee", email: "ann@school.example" });
  for (const [device, size] of Object.entries({ desktop: DESK, phone: PHONE })) {
    const page = await open(size);
    await page.goto("/app/login");
    await person.button(page, "Continue with School").waitFor();
    await picture(page, `login-${device}`);
  }
  const squatter = await open(DESK);
  await person.register(squatter, ann.email, { name: "Ann" });
  const phone = await open(PHONE);
  await signIn(phone, ann);
  await heading(phone, "You have an account already");
  await picture(phone, "link-phone");
  await person.press(phone, "Start anew…");
  await picture(phone, "anew-phone");
  await person.press(squatter, "Connect School");
  await goOnAs(squatter, ann);
  await connected(squatter, ann).waitFor();
  await picture(squatter, "ways-desktop", ways(squatter));
  const dark = await open({ ...PHONE, colorScheme: "dark" });
  await dark.goto("/app/login");
  await person.press(dark, "Continue with School");
  await person.press(dark, "Cancel");
  await heading(dark, "You are not logged in");
  await picture(dark, "denied-dark-phone");
}

export default [
  {
    name: "pictures of a provider",
    settings: { environment: { OIDC_TRUSTED_DOMAINS: "school.example" } },
    run,
  },
];
