// A school's first day in a real Chromium, by keyboard alone: the first administrator, three
// examiners, a class of 30 that is invited, exams, grades, and the table of them.
// `SCREENSHOTS=folder` also writes pictures there.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";

import { field, focus, go, picture, press, shows, type } from "./browser/keyboard.mjs";
import { beginsHigh, confirm, logIn, open, register, startExam } from "./browser/steps.mjs";
import {
  ADMIN,
  PASSWORD,
  PHONE,
  app,
  appServer,
  authServer,
  call,
  cookieOf,
  mailed,
  person,
  requested,
  run,
} from "./browser/world.mjs";

const CLASS = Array.from({ length: 30 }, (_, at) => ({
  name: `Student ${at + 1}`,
  email: `student${at + 1}@school.example`,
}));
const EXAMINERS = ["Eve", "Fay", "Gus"].map((name) => ({
  name,
  email: `${name.toLowerCase()}@school.example`,
}));

/** Goes to a part of the page for teachers. */
async function part(page, name) {
  const tabs = page.getByRole("tab");
  await tabs.first().waitFor();
  await focus(page, page.locator("[role=tab][aria-selected=true]"));
  for (let turn = 0; turn < 4; turn += 1) {
    if ((await page.locator("[role=tab]:focus").textContent()) === name) break;
    await page.keyboard.press("ArrowRight");
  }
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name, selected: true }).waitFor();
}

/** The menu has the page for teachers as soon as the account is an administrator's. */
async function firstAdministrator() {
  const page = await (await person()).newPage();
  await register(page, "Head", ADMIN);
  assert.equal(await page.getByRole("link", { name: "For teachers" }).count(), 0);
  await confirm(page, ADMIN);
  // Nothing is pressed and nothing is loaded.
  await page.getByRole("link", { name: "For teachers" }).waitFor();
  await go(page, "For teachers");
  await shows(page, "Send the invitations");
  await beginsHigh(page, "Head");
  return page;
}

async function makeExaminers(head) {
  const pages = [];
  for (const { name, email } of EXAMINERS) {
    const page = await (await person()).newPage();
    await register(page, name, email);
    await confirm(page, email);
    pages.push(page);
  }
  await part(head, "Accounts");
  for (const { name, email } of EXAMINERS) {
    await type(head, "Address of the account", email);
    await press(head, "Find the account");
    // The address has an invisible character in it, so that it is no link.
    await shows(head, `${name} ·`);
    await press(head, "Make an examiner");
    await shows(head, `${name} is an examiner now.`);
    await head.getByRole("button", { name: "No longer an examiner" }).waitFor();
  }
  return pages;
}

async function inviteClass(head) {
  await part(head, "Invite a class");
  await type(head, "Class", "5b");
  const lines = CLASS.map(({ name, email }) => `${name} <${email}>`);
  await focus(head, field(head, "Addresses, one a line"));
  await head.keyboard.insertText([...lines, "not an address", EXAMINERS[0].email].join("\n"));
  // As somebody does who is not sure whether the first press counted.
  await press(head, "Send the invitations");
  await head.keyboard.press("Enter");
  await shows(head, "30 invited, 1 with an account already, 1 to correct");
  await shows(head, "This is not an email address.");
  await shows(head, "Already has an account. No mail was sent.");
  await picture(head, "teacher");
  for (const { email } of CLASS) {
    await mailed(email, "/password/reset");
    const mails = authServer.said.split(`To: ${email}\n`).length - 1;
    assert.equal(mails, 1, `${mails} mails to ${email}`);
  }
}

/** By the mailed link: a password, a login, and an exam. */
async function sit({ email }, words, settings) {
  const page = await (await person(settings)).newPage();
  await open(page, await mailed(email, "/password/reset"), "/reset");
  await type(page, "New password", PASSWORD);
  await type(page, "New password, once more", PASSWORD);
  await press(page, "Set the new password");
  await shows(page, "Log in with it now.");
  await go(page, "Log in");
  await logIn(page, email);
  await cookieOf(page);
  await shows(page, "Start the exam");
  await startExam(page);
  await type(page, "Or type what you say", words);
  await press(page, "Hand in the answer");
  await shows(page, /Prompt 2 of 2|handed in/);
  return page;
}

async function grade(page, student, comment) {
  await page.goto(`${app}/grading`);
  const answer = page.locator("details").filter({ hasText: `${student} ·` });
  await answer.first().waitFor();
  // The first answer is open once it is drawn.
  const save = answer.getByText("Save the grade");
  const isOpen = await save.waitFor({ timeout: 5000 }).then(() => true, () => false);
  if (!isOpen) {
    await focus(page, answer.locator("summary"));
    await page.keyboard.press("Enter");
  }
  await type(page, "Comment for the student", comment, answer);
  await press(page, "Save the grade", answer);
  await shows(page, "The grade is saved.");
}

async function table(page) {
  await page.goto(`${app}/teacher`);
  await part(page, "Grades");
  await press(page, "Put the table together");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    press(page, "Download the grades"),
  ]);
  assert.equal(download.suggestedFilename(), "grades.csv");
  return readFile(await download.path());
}

await run(async () => {
  const head = await firstAdministrator();
  console.log("the first administrator confirmed, and the page for teachers appeared by itself");
  const examiners = await makeExaminers(head);
  console.log("three examiners were appointed");
  await inviteClass(head);
  console.log("a class of 30 was invited, each by one mail, with the button pressed twice");

  const first = CLASS.slice(0, 3);
  await sit(first[0], "I like trains.");
  await sit(first[1], "My town is small.");
  await sit(first[2], "I went to the sea.", PHONE);
  for (const { email } of CLASS.slice(3, 29)) {
    const token = (await mailed(email, "/password/reset")).split("#token=")[1];
    await call("POST", "/password/reset", {
      token,
      new_password: PASSWORD,
      confirm_password: PASSWORD,
    });
  }
  await part(head, "Who has confirmed");
  await press(head, "Look again");
  await shows(head, "30 of 31");
  await shows(head, "not confirmed yet");
  await picture(head, "class");
  await beginsHigh(head, "Head");
  console.log("three took an exam, and the class shows who has confirmed");

  const comments = ["=1+1 is not a comment", "Good \"linking\" words", "Zoë, gut gemacht"];
  for (const [at, page] of examiners.entries()) await grade(page, first[at].name, comments[at]);
  const raw = await table(head);
  assert.deepEqual([...raw.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
  const lines = raw.toString("utf8").trimEnd().split("\r\n");
  assert.equal(lines.length, 4);
  for (const [at, { name, email }] of first.entries()) {
    const line = lines.find((one) => one.startsWith(`${name},${email},`));
    assert.match(line, new RegExp(`,${EXAMINERS[at].name}$`));
  }
  assert.match(lines[1], /,'=1\+1 is not a comment,/);
  assert.match(lines[2], /,"Good ""linking"" words",/);
  // An examiner gets the grades, and no other part of the page.
  const examiners_ = await table(examiners[0]);
  assert.ok(!examiners_.toString("utf8").includes("school.example"));
  assert.deepEqual(await examiners[0].getByRole("tab").allTextContents(), ["Grades"]);
  console.log("three examiners graded, and the table has it all");

  const phone = await (await person(PHONE)).newPage();
  await phone.goto(`${app}/teacher`);
  await logIn(phone, ADMIN);
  await part(phone, "Who has confirmed");
  await shows(phone, "30 of 31");
  await beginsHigh(phone, "Head");
  await picture(phone, "class-phone");
  console.log("the same page on a phone, at 375 px");
  const leaked = requested.filter((url) => /eyJ|ad[rvnpe]_/.test(new URL(url).href.split("#")[0]));
  assert.deepEqual(leaked, []);
  assert.doesNotMatch(appServer.said, /eyJ|ad[rvnpe]_|plum-Orbit|Traceback/);
});
