// The app behind a real proxy with TLS, configured by the README: `PROXY=nginx` or `PROXY=caddy`.
// The account server learns the browser's address, and a recording passes.

import assert from "node:assert/strict";

import { focus, press, shows, type } from "./browser/keyboard.mjs";
import { outsideAddress } from "./browser/real_proxy.mjs";
import { confirm, logOut, register, startExam } from "./browser/steps.mjs";
import { DESKTOP, PASSWORD, app, call, cookieOf, pause, person, run } from "./browser/world.mjs";

const EMAIL = "ann@example.org";

await run(async () => {
  // What the browser itself claims to be its address does not count.
  const claimed = { "X-Forwarded-For": "198.51.100.7" };
  const page = await (await person({ ...DESKTOP, extraHTTPHeaders: claimed })).newPage();
  await register(page, "Ann", EMAIL);
  const cookie = await cookieOf(page);
  assert.ok(cookie.secure && cookie.httpOnly);
  await confirm(page, EMAIL);

  const { token } = await call("POST", "/login", { email: EMAIL, password: PASSWORD });
  const { sessions } = await call("GET", "/sessions", undefined, token);
  const addresses = sessions.map(({ ip }) => ip).sort();
  assert.deepEqual(addresses, [outsideAddress(), "127.0.0.1"].sort());

  await page.goto(app);
  await startExam(page);
  await press(page, "Record");
  await page.getByRole("button", { name: "Stop recording" }).first().waitFor();
  await pause(3000);
  await press(page, "Stop recording");
  await page.locator("audio").first().waitFor({ state: "attached" });
  await type(page, "Or type what you say", "I am Ann.");
  await press(page, "Hand in the answer");
  await shows(page, "Prompt 2 of");

  // A long recording: nginx refuses more than 1 MB by default.
  const status = await page.evaluate(async () => {
    const body = new FormData();
    body.append("file", new Blob([new Uint8Array(19 * 1024 * 1024)]), "answer.wav");
    const answer = await fetch("/_stcore/upload_file/none/none", { method: "PUT", body });
    return answer.status;
  });
  assert.notEqual(status, 413);
  assert.ok(status < 500, `${status}`);

  await page.goto(app);
  await logOut(page);
});
