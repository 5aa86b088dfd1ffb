// The app in a real Chromium, by keyboard alone: register, confirm, take an exam, reload, reset the
// password, two tabs, logout, a slow network, the account server killed; what a student does also
// on a phone.
// `SCREENSHOTS=folder` also writes pictures there.

import assert from "node:assert/strict";

import { choose, field, focus, go, picture, press, shows, type } from "./browser/keyboard.mjs";
import {
  beginsHigh,
  confirm,
  logIn,
  logOut,
  noCookie,
  open,
  register,
  startExam,
} from "./browser/steps.mjs";
import {
  DESKTOP,
  PASSWORD,
  PHONE,
  answers,
  app,
  appServer,
  appoint,
  auth,
  authServer,
  cookieOf,
  eventually,
  mailed,
  pause,
  person,
  requested,
  run,
} from "./browser/world.mjs";

const OTHER_PASSWORD = "quartz!Meadow 93 ferry";
const ENDED = "You are not logged in any more.";
const ANSWER =
  "Last summer we wanted to go to Lyon by train, but there was a strike. We waited for three " +
  "hours, and in the end we took a bus. Next time I would look at the news before I leave.";

/** Somebody who is logged in opens links of `theirs`: each says so, and none is used. */
async function openOthers(page, mine, theirs) {
  await page.goto(`${app}/forgot`);
  for (const [path, to] of [["/email/verify", "/verify"], ["/email/disown", "/disown"]]) {
    await open(page, await mailed(theirs, path), to);
    await shows(page, `You are logged in as ${mine}`);
    await shows(page, "another account");
  }
  await press(page, "Log out and go on with the link");
  await shows(page, "You are logged out.");
  await page.getByRole("button", { name: "Remove the account" }).waitFor();
  assert.equal(page.url(), `${app}/disown`);
}

async function takeExam(page) {
  await page.goto(app);
  await choose(page, "Prompts", "1");
  await picture(page, "start");
  await startExam(page);
  const time = () => page.getByText("Speaking time:").first().textContent();
  const first = await time();
  await eventually(async () => (await time()) !== first, "a clock that runs");
  await type(page, "Or type what you say", ANSWER);
  await picture(page, "exam");
  await press(page, "Hand in the answer");
  await shows(page, "Your answers are handed in.");
}

/** The time runs out while a recording runs and the field is never left: all of it is handed in. */
async function outOfTime() {
  const context = await person(PHONE);
  const page = await context.newPage();
  await register(page, "Tim", "tim@example.org");
  await page.goto(app);
  await choose(page, "Level", "A1");
  await choose(page, "Prompts", "1");
  await shows(page, "your answer is handed in by itself");
  await startExam(page);
  await press(page, "Record");
  await page.getByRole("button", { name: "Stop recording" }).first().waitFor();
  await focus(page, field(page, "Or type what you say"));
  let count = 0;
  const isOver = () => page.getByText("The time is up.").isVisible();
  while (!(await isOver())) {
    count += 1;
    await page.keyboard.type(`${count} `);
    await pause(200);
  }
  await shows(page, "The time was up: your answer is handed in.");
  await go(page, "My answers");
  const shown = page.locator("details").getByText("1 2 3 ");
  const words = (await shown.first().textContent()).trim().split(" ").map(Number);
  // Each word once and in order: what was kept meanwhile was never drawn over what was typed.
  assert.deepEqual(words, words.map((_, index) => index + 1));
  assert.ok(words.length >= count - 1, `${words.length} of ${count} words`);
  await page.locator("details audio").waitFor({ state: "attached" });
  await context.close();
}

/** What a student does with the account, on a screen of any size. */
async function student(settings, name, email) {
  const context = await person(settings);
  const page = await context.newPage();
  await register(page, name, email, true);
  await logOut(page);
  // Without a session the link asks for the password.
  await open(page, await mailed(email, "/email/verify"), "/verify");
  await type(page, "The password that you registered with", PASSWORD);
  await press(page, "Confirm");
  await shows(page, "Your address is confirmed, and you are logged in.");
  await cookieOf(page);
  await takeExam(page);
  await page.reload();
  await go(page, "My answers");
  await shows(page, "1 of 1 answers");
  for (const path of ["history", "preferences", "devices", "account", ""]) {
    await page.goto(`${app}/${path}`);
    await page.locator("h1").first().waitFor();
    await beginsHigh(page, name);
  }
  await go(page, "Account");
  await page.getByRole("tab", { name: "Address" }).waitFor();
  await focus(page, page.getByRole("tab", { name: "Name" }));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await type(page, "New email address", `new-${email}`);
  const form = page.getByTestId("stForm").filter({ hasText: "Send a link there" });
  await type(page, "Your password", PASSWORD, form);
  await press(page, "Send a link there");
  await open(page, await mailed(`new-${email}`, "/email/change/confirm"), "/confirm-email");
  await press(page, "Confirm");
  await shows(page, "Your new address is confirmed.");
  await logOut(page);

  for (const path of ["login", "register", "verify", "reset", "disown"]) {
    await page.goto(`${app}/${path}`);
    await page.locator("h1").first().waitFor();
    await beginsHigh(page, "Not logged in");
  }
  await page.goto(`${app}/forgot`);
  await type(page, "Email address", `new-${email}`);
  await press(page, "Send me a link");
  await open(page, await mailed(`new-${email}`, "/password/reset"), "/reset");
  await type(page, "New password", OTHER_PASSWORD);
  await type(page, "New password, once more", OTHER_PASSWORD);
  await press(page, "Set the new password");
  await shows(page, "Log in with");
  await go(page, "Log in");
  await logIn(page, `new-${email}`, OTHER_PASSWORD);
  await shows(page, "Start the exam");
  await context.close();
}

/** Over a slow network, the app hears of a link that was followed together with what is typed on
 * the old page after that. The next page comes, and stays. */
async function slowNetwork() {
  const page = await (await person()).newPage();
  let server;
  let held;
  await page.routeWebSocket(/_stcore\/stream/, (socket) => {
    server = socket.connectToServer();
    socket.onMessage((message) => (held ? held.push(message) : server.send(message)));
  });
  const leave = async (link, label, text) => {
    await field(page, label).waitFor();
    // Until all that was asked for before is there.
    await pause(2000);
    held = [];
    await go(page, link);
    await type(page, label, text);
    // Until the old page has sent it.
    await pause(2500);
    assert.ok(held.length > 1, `${held.length} messages`);
    for (const message of held) server.send(message);
    held = undefined;
    await page.getByRole("heading", { name: link }).waitFor();
    await pause(3000);
    assert.ok(await page.getByRole("heading", { name: link }).isVisible());
  };
  await page.goto(`${app}/register`);
  await leave("Log in", "Password", PASSWORD);
  await register(page, "Sue", "sue@example.org");
  await page.goto(app);
  await startExam(page);
  await leave("Preferences", "Or type what you say", "I was late.");
  await page.context().close();
}

async function grade(page) {
  await page.goto(`${app}/grading`);
  const answer = page.locator("details").filter({ hasText: "Ann Lee" });
  await focus(page, answer.locator("summary"));
  await page.keyboard.press("Enter");
  await shows(answer, ANSWER.slice(0, 40));
  await type(page, "Comment for the student", "A clear story with good linking words.", answer);
  await picture(page, "grading");
  await press(page, "Save the grade", answer);
  await shows(page, "The grade is saved.");
}

async function classroom() {
  const ann = await person();
  const first = await ann.newPage();
  await register(first, "Ann Lee", "ann@example.org");
  await confirm(first, "ann@example.org");

  const cookie = await cookieOf(first);
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict" && cookie.value.length >= 43);
  assert.ok(!(await first.evaluate(() => document.cookie)).includes("exam_session"));
  const stored = await first.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  assert.doesNotMatch(stored, /eyJ|ad[rv]_/);

  await takeExam(first);
  await first.reload();
  await shows(first, "Logged in as");
  assert.ok((await cookieOf(first)).expires > 0, "a cookie that outlives the browser");
  console.log("registered, confirmed by the mailed link, took an exam, reloaded");

  const eve = await person();
  const desk = await eve.newPage();
  await register(desk, "Eve", "eve@example.org");
  await register(await (await person()).newPage(), "Zoe", "zoe@example.org");
  await desk.goto(`${app}/grading`);
  await shows(desk, "Your account may not grade.");
  await confirm(desk, "eve@example.org");
  await openOthers(desk, "Eve", "zoe@example.org");
  await desk.goto(app);
  await logIn(desk, "eve@example.org");
  await shows(desk, "Start the exam");
  await cookieOf(desk);
  await appoint("eve@example.org");
  await grade(desk);
  await go(first, "My answers");
  await shows(first, "A clear story with good linking words.");
  await picture(first, "history");
  console.log("an examiner graded, and the student reads it");

  const phone = await person(PHONE);
  const small = await phone.newPage();
  await small.goto(app);
  await logIn(small, "ann@example.org");
  await startExam(small);
  await type(small, "Or type what you say", "Last weekend I visited my sister.");
  await picture(small, "phone");
  await press(small, "Record");
  await pause(2000);
  await press(small, "Stop recording");
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
  await logOut(first);
  await type(second, "Words in the answer or comment", "Lyon");
  await shows(second, ENDED);
  await shows(second, "Email address");
  await picture(second, "ended");
  await noCookie(second);
  console.log("a logout in one tab ended the other");

  await logIn(second, "ann@example.org");
  await shows(second, "2 of 2 answers");
  await cookieOf(second);
  await go(second, "Take an exam");
  await startExam(second);
  await type(second, "Or type what you say", ANSWER);
  authServer.child.kill("SIGKILL");
  await eventually(async () => !(await answers(auth)), "the account server gone");
  await press(second, "Hand in the answer");
  await shows(second, "The server for accounts does not answer.");
  assert.equal(await field(second, "Or type what you say").inputValue(), ANSWER);
  assert.ok(await second.getByRole("button", { name: "Try again" }).isVisible());
  await picture(second, "server-down");
  console.log("with the account server killed, the answer is still there");
}

await run(async () => {
  const late = outOfTime();
  late.catch(() => {});
  await student(DESKTOP, "Dan", "dan@example.org");
  console.log("an account from its registration to a new password, at 1280 px");
  await student(PHONE, "Pam", "pam@example.org");
  console.log("the same on a phone, at 375 px");
  await late;
  console.log("when the time was up, what was typed and spoken was handed in");
  await slowNetwork();
  console.log("over a slow network, a page that was left does not empty the next one");
  await classroom();
  const leaked = requested.filter((url) => /eyJ|ad[rvnpe]_/.test(new URL(url).href.split("#")[0]));
  assert.deepEqual(leaked, []);
  assert.doesNotMatch(appServer.said, /eyJ|ad[rvnpe]_|plum-Orbit|quartz!Meadow|Traceback/);
  console.log("no token in any address or in the app's log");
});
