// The app in a real Chromium, once through: register, confirm, take an exam, reload, two tabs,
// logout, the account server killed. `SCREENSHOTS=folder` also writes pictures there.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);
const { chromium } = require("playwright-core");

const PASSWORD = "plum-Orbit-47-lantern";
const ADMIN = "admin@example.org";
const ENDED = "Your session has ended";
const ANSWER =
  "Last summer we wanted to go to Lyon by train, but there was a strike. We waited for three " +
  "hours, and in the end we took a bus. Next time I would look at the news before I leave.";

const freePort = () =>
  new Promise((found) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

/** Waits until `check` gives something. */
async function eventually(check, what) {
  for (let turn = 0; turn < 600; turn += 1) {
    const found = await check();
    if (found) return found;
    await pause(100);
  }
  throw new Error(`never: ${what}`);
}

/** A process, whose output is kept. */
function start(command, args, cwd, environment) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...environment } });
  const process_ = { child, said: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece) => (process_.said += piece));
  }
  return process_;
}

const answers = async (url) => fetch(url).then(() => true, () => false);

const data = mkdtempSync(join(tmpdir(), "exam-"));
const [authPort, appPort] = [await freePort(), await freePort()];
const app = `http://localhost:${appPort}`;
const auth = `http://127.0.0.1:${authPort}`;
const authServer = start(process.env.EXAMPLE, [], data, {
  ADDR: `127.0.0.1:${authPort}`,
  BASE_URL: app,
  TRUSTED_PROXIES: "127.0.0.1/32",
  ADMIN,
});
const appServer = start(
  process.env.PYTHON,
  ["-m", "streamlit", "run", "app.py", "--server.port", `${appPort}`],
  process.env.APP,
  { ADMITTANCE_URL: auth, EXAM_DATA: data, PUBLIC_URL: app, PYTHONDONTWRITEBYTECODE: "1" },
);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    // Whatever wants to leave the machine finds nothing.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
  ],
});
const requested = [];

async function person(viewport = { width: 1280, height: 800 }, settings = {}) {
  const context = await browser.newContext({ viewport, locale: "en-GB", ...settings });
  context.setDefaultTimeout(60_000);
  context.on("request", (request) => requested.push(request.url()));
  return context;
}

const shows = (page, text) => page.getByText(text).first().waitFor();
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const go = (page, name) => page.getByRole("link", { name, exact: true }).first().click();
const fill = (page, label, text) => page.getByLabel(label, { exact: true }).fill(text);

async function picture(page, name) {
  if (!process.env.SCREENSHOTS) return;
  await page.mouse.move(0, 0);
  await pause(1500);
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `streamlit-${name}.png`) });
}

/** The newest link that was mailed to an address, as soon as it is there. */
function mailed(to, path) {
  return eventually(() => {
    const mails = authServer.said.split("-".repeat(72)).filter((m) => m.includes(`To: ${to}\n`));
    const links = mails.join("").match(new RegExp(`${app}${path}#token=[\\w-]+`, "g"));
    return links?.at(-1);
  }, `a mail to ${to}`);
}

async function register(page, name, email, broken = false) {
  await page.goto(`${app}/register`);
  if (broken) {
    await fill(page, "Name", name);
    await fill(page, "Email address", "ann@");
    await fill(page, "Password", "password1");
    await fill(page, "Password, once more", "password");
    await press(page, "Register");
    await shows(page, "The two passwords differ.");
    assert.equal(await page.getByLabel("Email address", { exact: true }).inputValue(), "ann@");
    assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "password1");
    // The address in the message is an example and no link.
    assert.equal(await page.locator("a[href^='mailto:']").count(), 0);
    await picture(page, "register");
  }
  await fill(page, "Name", name);
  await fill(page, "Email address", email);
  await fill(page, "Password", PASSWORD);
  await fill(page, "Password, once more", PASSWORD);
  await press(page, "Register");
  await shows(page, "Your account has been created.");
  await cookieOf(page);
}

const cookieOf = (page) =>
  eventually(
    async () => (await page.context().cookies(app)).find((c) => c.name === "exam_session"),
    "the cookie",
  );

async function confirm(page, email) {
  await page.goto(await mailed(email, "/email/verify"));
  await shows(page, "Confirm your address");
  // The token has left the address bar before anything was asked.
  await eventually(() => page.url() === `${app}/verify`, "an address without the token");
  await page.getByLabel("Link or token from the mail").waitFor({ state: "detached" });
  await press(page, "Confirm");
  await shows(page, "Your address is confirmed.");
}

async function takeExam(page) {
  await page.goto(app);
  await page.getByRole("radiogroup", { name: "Prompts" }).getByText("1", { exact: true }).click();
  await picture(page, "start");
  await press(page, "Start the exam");
  await press(page, "Begin");
  await shows(page, "Preparation:");
  await press(page, "I am ready to speak");
  await shows(page, "Speaking time:");
  const time = () => page.getByText("Speaking time:").first().textContent();
  const first = await time();
  await eventually(async () => (await time()) !== first, "a clock that runs");
  const field = page.getByLabel("Or type what you say");
  await field.fill(ANSWER);
  await picture(page, "exam");
  await press(page, "Hand in the answer");
  await shows(page, "Your answers are handed in.");
}

async function grade(page) {
  await page.goto(`${app}/grading`);
  await shows(page, ANSWER.slice(0, 40));
  await fill(page, "Comment for the student", "A clear story with good linking words.");
  await picture(page, "grading");
  await press(page, "Save the grade");
  await shows(page, "The grade is saved.");
}

/** Over the contract itself: only an administrator makes an examiner. */
async function appoint(email) {
  const call = async (method, path, body, token) => {
    const answer = await fetch(auth + path, {
      method,
      headers: {
        "Content-Type": "application/json",
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: body && JSON.stringify(body),
    });
    return answer.json();
  };
  const account = { email: ADMIN, password: PASSWORD, confirm_password: PASSWORD, name: "Boss" };
  const { token } = await call("POST", "/register", account);
  const link = await mailed(ADMIN, "/email/verify");
  await call("POST", "/email/verify", { token: link.split("#token=")[1] }, token);
  await eventually(
    async () => (await call("GET", "/profile", undefined, token)).roles?.includes("admin"),
    "an administrator",
  );
  const user = await call("POST", "/admin/users/find", { email }, token);
  await call("POST", `/admin/users/${user.user_id}/roles`, { grant: ["examiner"], revoke: [] }, token);
}

async function journey() {
  await eventually(() => answers(auth), "the account server");
  await eventually(() => answers(app), "the app");
  const ann = await person();
  const first = await ann.newPage();
  await register(first, "Ann Lee", "ann@example.org", true);
  await confirm(first, "ann@example.org");

  const cookie = await cookieOf(first);
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.value.length >= 43);
  assert.ok(!(await first.evaluate(() => document.cookie)).includes("exam_session"));
  const stored = await first.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(stored, /eyJ|ad[rv]_/);

  await takeExam(first);
  await first.reload();
  await shows(first, "Logged in as");
  console.log("registered, confirmed by the mailed link, took an exam, reloaded");

  const eve = await person();
  const desk = await eve.newPage();
  await register(desk, "Eve", "eve@example.org");
  await desk.goto(`${app}/grading`);
  await shows(desk, "Your account may not grade.");
  await confirm(desk, "eve@example.org");
  await appoint("eve@example.org");
  await grade(desk);
  await go(first, "My answers");
  await shows(first, "A clear story with good linking words.");
  await picture(first, "history");
  console.log("an examiner graded, and the student reads it");

  const phone = await person(
    { width: 390, height: 844 },
    { userAgent: "Mozilla/5.0 (Linux; Android 15) Chrome/131.0.0.0 Mobile Safari/537.36" },
  );
  const small = await phone.newPage();
  await small.goto(app);
  await fill(small, "Email address", "ann@example.org");
  await fill(small, "Password", PASSWORD);
  await press(small, "Log in");
  await press(small, "Start the exam");
  await press(small, "Begin");
  await press(small, "I am ready to speak");
  await shows(small, "Speaking time:");
  await small.getByLabel("Or type what you say").fill("Last weekend I visited my sister.");
  await picture(small, "phone");
  await small.getByRole("button", { name: "Record" }).first().click();
  await pause(2000);
  await small.getByRole("button", { name: "Stop recording" }).first().click();
  await small.getByRole("button", { name: "Play" }).first().waitFor();
  await press(small, "Hand in the answer");
  await shows(small, /Prompt 2 of 2|handed in/);
  await phone.close();
  await go(first, "Devices");
  await shows(first, "this device");
  await shows(first, "Chrome on Android");
  await picture(first, "devices");
  console.log("recorded on a phone, and both devices are listed");

  const second = await ann.newPage();
  await second.goto(`${app}/history`);
  await shows(second, "2 of 2 answers");
  await first.getByTestId("stSidebar").getByRole("button", { name: "Log out" }).click();
  await shows(first, "You are logged out.");
  await second.getByLabel("Words in the answer or comment").fill("Lyon");
  await second.keyboard.press("Enter");
  await shows(second, ENDED);
  await shows(second, "Email address");
  await picture(second, "ended");
  await eventually(
    async () => !(await ann.cookies(app)).some((c) => c.name === "exam_session"),
    "the cookie gone",
  );
  console.log("a logout in one tab ended the other");

  await fill(second, "Email address", "ann@example.org");
  await fill(second, "Password", PASSWORD);
  await press(second, "Log in");
  await shows(second, "2 of 2 answers");
  await cookieOf(second);
  await go(second, "Take an exam");
  await press(second, "Start the exam");
  await press(second, "Begin");
  await press(second, "I am ready to speak");
  await second.getByLabel("Or type what you say").fill(ANSWER);
  authServer.child.kill("SIGKILL");
  await eventually(async () => !(await answers(auth)), "the account server gone");
  await press(second, "Hand in the answer");
  await shows(second, "The account server cannot be reached.");
  assert.equal(await second.getByLabel("Or type what you say").inputValue(), ANSWER);
  assert.ok(await second.getByRole("button", { name: "Try again" }).isVisible());
  await picture(second, "server-down");
  console.log("with the account server killed, the answer is still there");

  const leaked = requested.filter((url) => /eyJ|ad[rvnpe]_/.test(new URL(url).href.split("#")[0]));
  assert.deepEqual(leaked, []);
  assert.doesNotMatch(appServer.said, /eyJ|ad[rvnpe]_|plum-Orbit|Traceback/);
  console.log("no token in any address or in the app's log");
}

let failed;
try {
  await journey();
} catch (error) {
  failed = error;
  const pages = browser.contexts().flatMap((context) => context.pages());
  for (const page of pages) {
    console.error(`-- ${page.url()}\n${await page.innerText("body").catch(() => "?")}`);
  }
  console.error(appServer.said.split("\n").filter((line) => !/ "(GET|HEAD) /.test(line)).join("\n"));
} finally {
  await browser.close();
  authServer.child.kill("SIGKILL");
  appServer.child.kill("SIGKILL");
  rmSync(data, { recursive: true, force: true });
}
if (failed) throw failed;
