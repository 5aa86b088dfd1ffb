// Thirty browsers at once in a real Chromium: each registers, confirms, takes an exam and logs out,
// and then all ask for a new password in the same moment. It prints what each saw and how long it
// took. `PLACES=one` has all of them at one address, as in a school; otherwise each has its own.

import assert from "node:assert/strict";

import { field } from "./browser/keyboard.mjs";
import { from } from "./browser/proxy.mjs";
import { PASSWORD, app, authServer, cookieOf, mailed, person, run } from "./browser/world.mjs";

const PEOPLE = Number(process.env.PEOPLE ?? 30);
const AT_ONE = process.env.PLACES === "one";
/** For how long anything may take, in ms; `PATIENCE` is in seconds: the machine may be slow. */
const PATIENCE = 1000 * Number(process.env.PATIENCE ?? 600);

const seconds = (since) => (performance.now() - since) / 1000;
const press = (page, name) => page.getByRole("button", { name, exact: true }).first().click();
/** For how long a person waits for anything to happen before pressing again, in ms. */
const PRESSES_AGAIN = 20_000;
/** For how long a button may need until it can be pressed, in ms. */
const MOMENT = 2_000;

/** Presses a button until `shown` is there; each further press is counted. */
async function pressUntil(one, name, shown) {
  await press(one.page, name);
  for (const since = performance.now(); ; ) {
    const is = await shown
      .first()
      .waitFor({ timeout: PRESSES_AGAIN })
      .then(() => true, () => false);
    if (is) return;
    if (performance.now() - since > PATIENCE) throw new Error(`${name}: nothing happens`);
    // The page may change at this moment, and the button be gone: that is no press.
    const button = one.page.getByRole("button", { name, exact: true }).first();
    if (!(await button.isVisible())) continue;
    const isPressed = await button.click({ timeout: MOMENT }).then(() => true, () => false);
    if (isPressed) one.again += 1;
  }
}
const fill = async (page, values) => {
  for (const [label, text] of Object.entries(values)) await field(page, label).fill(text);
};

/** All of `people` do a step at the same time; each keeps how long it took. */
async function together(people, name, prepare, act) {
  await Promise.all(people.map(prepare));
  await Promise.all(
    people.map(async (one) => {
      const since = performance.now();
      await act(one);
      one.times[name] = seconds(since);
    }),
  );
  const times = people.map((one) => one.times[name]).sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  const row = [name, at(0), at(0.5), at(0.9), at(1)];
  console.log(`| ${row.map((n) => (typeof n === "number" ? n.toFixed(1) : n)).join(" | ")} |`);
}

/** Asks for a link: the words that a person is told who has to wait, or none. */
async function asked(one) {
  const { page } = one;
  const done = page.getByText("a mail with a link is on its way").first();
  const refused = page.getByText("Too many attempts.").first();
  await pressUntil(one, "Send me a link", done.or(refused));
  if (await done.isVisible()) return "";
  return /Try again in [^.]*/.exec(await refused.textContent())[0];
}

await run(async () => {
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, async (_, at) => {
      const number = AT_ONE ? 1 : at + 1;
      const viewport = { width: 800, height: 600 };
      const context = await person({ userAgent: from(number), viewport });
      context.setDefaultTimeout(PATIENCE);
      const email = `person${at + 1}@example.org`;
      return { email, name: `Person ${at + 1}`, page: await context.newPage(), times: {}, saw: "", again: 0 };
    }),
  );
  console.log(`${PEOPLE} browsers, ${AT_ONE ? "all at one address" : "each at its own address"}`);
  console.log("| step | fastest | half of them | nine of ten | slowest, in seconds |");
  console.log("|---|---|---|---|---|");
  await together(
    people,
    "register",
    async ({ page, name, email }) => {
      await page.goto(`${app}/register`, { timeout: PATIENCE });
      await fill(page, {
        Name: name,
        "Email address": email,
        Password: PASSWORD,
        "Password, once more": PASSWORD,
      });
    },
    async (one) => {
      await pressUntil(one, "Register", one.page.getByText("Logged in as"));
      await cookieOf(one.page);
    },
  );
  await together(
    people,
    "confirm",
    async ({ page, email }) => {
      await page.goto(await mailed(email, "/email/verify"), { timeout: PATIENCE });
      await page.getByRole("button", { name: "Confirm" }).waitFor();
    },
    (one) => pressUntil(one, "Confirm", one.page.getByText(/Your address .* is confirmed\./)),
  );
  await together(
    people,
    "take an exam",
    async ({ page }) => {
      await page.goto(app, { timeout: PATIENCE });
      await page.getByRole("button", { name: "Start the exam" }).waitFor();
    },
    async (one) => {
      const { page, name } = one;
      const button = (name) => page.getByRole("button", { name, exact: true });
      await pressUntil(one, "Start the exam", button("Begin"));
      for (const after of ["Prompt 2 of 2", "Your answers are handed in."]) {
        await pressUntil(one, "Begin", button("I am ready to speak"));
        await pressUntil(one, "I am ready to speak", field(page, "Or type what you say"));
        await field(page, "Or type what you say").fill(`I am ${name}.`);
        await page.keyboard.press("Tab");
        await pressUntil(one, "Hand in the answer", page.getByText(after));
      }
    },
  );
  await together(
    people,
    "log out",
    async () => {},
    (one) => pressUntil(one, "Log out", one.page.getByText("You are logged out.")),
  );
  await together(
    people,
    "ask for a new password",
    async ({ page, email }) => {
      await page.goto(`${app}/forgot`, { timeout: PATIENCE });
      await fill(page, { "Email address": email });
    },
    async (one) => {
      one.saw = await asked(one);
    },
  );
  for (const { name, times, saw } of people) {
    const all = Object.entries(times).map(([step, time]) => `${step} ${time.toFixed(1)} s`);
    console.log(`${name}: ${all.join(", ")}; ${saw || "the mail is on its way"}`);
  }
  const again = people.reduce((sum, one) => sum + one.again, 0);
  console.log(`${again} presses of ${11 * PEOPLE} had to be repeated`);
  const told = people.filter(({ saw }) => saw !== "");
  console.log(`${PEOPLE - told.length} got the mail at once, ${told.length} had to wait`);
  const limited = new Set(told.map(({ saw }) => saw));
  if (told.length) console.log(`told: ${[...limited].join("; ")}`);
  // 20 mails from one address, and one more every minute, unless it is a school's.
  const mails = AT_ONE && (process.env.RATE_LIMITS ?? "on") === "on" ? 20 : PEOPLE;
  assert.ok(PEOPLE - told.length >= Math.min(mails, PEOPLE));
  assert.doesNotMatch(authServer.said, /panicked/);
});
