// Settings with which an example does not start, and what it says.

import { execFile } from "node:child_process";

import { Checks } from "../browser/checks.mjs";
import { CLIENTS, settings } from "./clients.mjs";

const ISSUER = "https://login.school.example";
const WHOLE = settings(ISSUER, CLIENTS[0]);
/** What is changed, and what is said. */
const WRONG = [
  [{ OIDC_CLIENT_ID: "", OIDC_NAME: "" }, "OIDC_ISSUER is set, so these must be set, too: OIDC_CLIENT_ID, OIDC_NAME"],
  [{ OIDC_CLIENT_SECRET: "" }, "OIDC_ISSUER is set, so these must be set, too: OIDC_CLIENT_SECRET"],
  [{ OIDC_ISSUER: "" }, "OIDC_CLIENT_ID is set, so these must be set, too: OIDC_ISSUER"],
  [{ OIDC_CLIENT_AUTH: "none" }, "OIDC_CLIENT_AUTH is neither client_secret_basic nor client_secret_post"],
  [{ OIDC_ISSUER: "http://login.school.example" }, "the variables OIDC_…: "],
  // Only a provider on this machine may be at a private address.
  [{ OIDC_ISSUER: "http://10.0.0.1" }, "the variables OIDC_…: "],
  [{ OIDC_REDIRECT_URIS: "http://elsewhere.example/callback" }, "the variables OIDC_…: "],
];

/** Starts `example` with each of them. */
export async function starts(example, program) {
  const checks = new Checks(`${example}: settings that are wrong`);
  for (const [change, words] of WRONG) {
    const { PATH, HOME } = process.env;
    const env = { PATH, HOME, ADDR: "127.0.0.1:0", ...WHOLE, ...change };
    const { code, said } = await run(program, env);
    checks.equal(`${JSON.stringify(change)} stops the start`, code, 1);
    checks.that(`it says "${words}"`, said.includes(`The server cannot run: ${words}`), said);
    checks.that("and no secret", !said.includes(WHOLE.OIDC_CLIENT_SECRET), said);
  }
  console.log(checks.summary());
  return checks;
}

/** A server that starts in spite of it is ended. */
function run(program, env) {
  return new Promise((done) => {
    const child = execFile(program, [], { env }, (error, stdout, stderr) => {
      done({ code: error ? error.code : 0, said: stderr });
    });
    child.stdout.on("data", (text) => text.includes("Listening on") && child.kill());
  });
}
