// The two servers and the browser of the journey.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { settings } from "../../../../.ci/federation.d/clients.mjs";
import { ProviderProcess } from "../../../../.ci/federation.d/provider_process.mjs";
import { startProxy } from "./proxy.mjs";
import { HOST, outsideAddress, realProxy } from "./real_proxy.mjs";

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);
const { chromium } = require("playwright-core");

export const PASSWORD = "plum-Orbit-47-lantern";
export const ADMIN = "admin@example.org";

export const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

/** Waits until `check` gives something. */
export async function eventually(check, what) {
  for (let turn = 0; turn < 600; turn += 1) {
    const found = await check();
    if (found) return found;
    await pause(100);
  }
  throw new Error(`never: ${what}`);
}

const freePort = () =>
  new Promise((found) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => found(port));
    });
  });

/** A process, whose output is kept. */
function start(command, args, cwd, environment) {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...environment } });
  const process_ = { child, said: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (piece) => (process_.said += piece));
  }
  return process_;
}

export const answers = async (url) => fetch(url).then(() => true, () => false);

const data = mkdtempSync(join(tmpdir(), "exam-"));
const [authPort, appPort, proxyPort] = [await freePort(), await freePort(), await freePort()];
/** `PROXY=own` has browsers come through the proxy of these tests, `nginx` and `caddy` through that. */
const behind = process.env.PROXY;
const isReal = behind === "nginx" || behind === "caddy";
export const app = isReal
  ? `https://${HOST}:${proxyPort}`
  : `http://localhost:${behind ? proxyPort : appPort}`;
/** The name of the cookie, which depends on the scheme. */
export const COOKIE = isReal ? "__Host-exam_session" : "exam_session";
const proxy = behind === "own" ? startProxy(proxyPort, appPort) : undefined;
const proxyServer = isReal ? start(...realProxy(behind, proxyPort, appPort, data)) : undefined;
/** `PROVIDER=1` has a provider to sign in with, whose pages are another site to the browser. */
export const provider = process.env.PROVIDER
  ? await ProviderProcess.start([`${app}/callback/oidc`])
  : undefined;
export const auth = `http://127.0.0.1:${authPort}`;
export const authServer = start(process.env.EXAMPLE, [], data, {
  ADDR: `127.0.0.1:${authPort}`,
  BASE_URL: app,
  TRUSTED_PROXIES: "127.0.0.1/32",
  ADMIN,
  ...(provider && { ...settings(provider.issuer), OIDC_REDIRECT_URIS: `${app}/callback/oidc` }),
});
export const appServer = start(
  process.env.PYTHON,
  ["-m", "streamlit", "run", "app.py", "--server.port", `${appPort}`],
  process.env.APP,
  {
    ADMITTANCE_URL: auth,
    EXAM_DATA: data,
    PUBLIC_URL: app,
    PYTHONDONTWRITEBYTECODE: "1",
    ...(behind && { CLIENT_ADDRESS_HEADER: "X-Forwarded-For", FORWARDED_ALLOW_IPS: "" }),
  },
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
    `--host-resolver-rules=${isReal ? `MAP ${HOST} ${outsideAddress()}, ` : ""}` +
      "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2",
  ],
});

/** Every address that any page requested. */
export const requested = [];

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = {
  viewport: { width: 375, height: 812 },
  userAgent: "Mozilla/5.0 (Linux; Android 15) Chrome/131.0.0.0 Mobile Safari/537.36",
};

/** A person with a browser of their own. */
export async function person(settings = DESKTOP) {
  const context = await browser.newContext({
    locale: "en-GB",
    ignoreHTTPSErrors: isReal,
    ...settings,
  });
  context.setDefaultTimeout(30_000);
  context.on("request", (request) => requested.push(request.url()));
  return context;
}

/** The newest link that was mailed to an address, as soon as it is there. */
export function mailed(to, path) {
  return eventually(() => {
    const mails = authServer.said.split("-".repeat(72)).filter((m) => m.includes(`To: ${to}\n`));
    const links = mails.join("").match(new RegExp(`${app}${path}#token=[\\w-]+`, "g"));
    return links?.at(-1);
  }, `a mail to ${to}`);
}

export const cookieOf = (page) =>
  eventually(
    async () => (await page.context().cookies(app)).find((c) => c.name === COOKIE),
    "the cookie",
  );

/** A request of the contract itself. */
export async function call(method, path, body, token) {
  const answer = await fetch(auth + path, {
    method,
    headers: {
      "Content-Type": "application/json",
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: body && JSON.stringify(body),
  });
  return answer.json();
}

/** Over the contract: only an administrator makes an examiner. */
export async function appoint(email) {
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

/** Runs `journey`, and prints what every page shows if it fails. */
export async function run(journey) {
  let failed;
  try {
    await eventually(() => answers(auth), "the account server");
    await eventually(() => answers(`http://localhost:${appPort}`), "the app");
    await journey();
  } catch (error) {
    failed = error;
    const pages = browser.contexts().flatMap((context) => context.pages());
    for (const page of pages) {
      console.error(`-- ${page.url()}\n${await page.innerText("body").catch(() => "?")}`);
    }
    const said = appServer.said.split("\n").filter((line) => !/ "(GET|HEAD) /.test(line));
    console.error(said.join("\n"), proxyServer?.said ?? "");
  } finally {
    await browser.close();
    await provider?.stop();
    authServer.child.kill("SIGKILL");
    appServer.child.kill("SIGKILL");
    // nginx ends its workers when it is asked to stop.
    proxyServer?.child.kill("SIGTERM");
    proxy?.closeAllConnections();
    proxy?.close();
    rmSync(data, { recursive: true, force: true });
  }
  if (failed) throw failed;
}
