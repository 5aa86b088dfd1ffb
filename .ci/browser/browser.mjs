// Chromium, watched: whatever a page does beside what a journey asks about must
// be harmless. No error, nothing against the content security policy, no request
// to another host, and no secret anywhere that a script or a log could see.

import { createRequire } from "node:module";

const require = createRequire(`${process.env.BROWSER_MODULES}/package.json`);
const { chromium } = require("playwright-core");

const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Whatever wants to leave the machine finds nothing.
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2",
];

/** Access, refresh and one-time tokens, by how they begin. */
const TOKEN = /eyJ[\w-]{8,}|ad[rvnpe]_[\w-]{8,}/;

/** What Chromium says of each answer that is not a success. They are asked for. */
const ANSWERED = /^Failed to load resource: the server responded with a status of 4\d\d/;
/** The same when a journey has taken the server away. */
const UNANSWERED = /^Failed to load resource: /;

export const launch = () => chromium.launch({ executablePath: "/usr/bin/chromium", args: SWITCHES });

/** What one journey does with the browser. Pages may also lead to the `elsewhere` origin. */
export class Visit {
  #browser;
  #server;
  #elsewhere;
  #contexts = [];
  #seen = { requests: 0, looks: 0, errors: [], foreign: [], leaks: [] };

  constructor(browser, server, elsewhere) {
    this.#browser = browser;
    this.#server = server;
    this.#elsewhere = elsewhere;
  }

  /** A page in a browser profile of its own. */
  async open({ width = 1280, height = 900, ...settings } = {}) {
    const context = await this.#browser.newContext({
      baseURL: this.#server.origin,
      viewport: { width, height },
      locale: "en-GB",
      ...settings,
    });
    context.setDefaultTimeout(20_000);
    this.#contexts.push(context);
    this.#watch(context, this.#server);
    return context.newPage();
  }

  /** Takes the errors out that a journey has made on purpose and looked at. */
  errors() {
    return this.#seen.errors.splice(0);
  }

  #watch(context, server) {
    const seen = this.#seen;
    context.on("weberror", (error) => seen.errors.push(String(error.error())));
    context.on("console", (message) => {
      const text = message.text();
      const isExpected = ANSWERED.test(text) || (server.isDown && UNANSWERED.test(text));
      const isBad = ["error", "warning", "assert"].includes(message.type()) && !isExpected;
      if (isBad) seen.errors.push(text);
    });
    context.on("request", (request) => {
      // A fragment is not sent.
      const [url] = request.url().split("#");
      seen.requests += 1;
      const isLed = this.#elsewhere && request.isNavigationRequest() && url.startsWith(`${this.#elsewhere}/`);
      const isOwn = url.startsWith(`${server.origin}/`) || url.startsWith("blob:");
      if (!isOwn && !isLed) seen.foreign.push(url);
      if (TOKEN.test(url) || url.includes("password=")) seen.leaks.push(`the URL ${url}`);
    });
    context.on("page", (page) => {
      const look = () => page.evaluate(searchable).then((found) => this.#look(found), GONE);
      page.on("domcontentloaded", look);
      page.on("load", look);
    });
  }

  /** Looks through everything that the open pages keep. */
  async #sweep() {
    for (const context of this.#contexts) {
      const cookies = await context.cookies(this.#server.origin);
      for (const { name, httpOnly, sameSite } of cookies) {
        if (!httpOnly || sameSite !== "Lax") this.#seen.leaks.push(`the cookie ${name}`);
      }
      const secrets = cookies.map(({ value }) => value);
      for (const page of context.pages()) this.#look(await page.evaluate(searchable), secrets);
    }
  }

  #look(places, secrets = []) {
    this.#seen.looks += 1;
    for (const [place, text] of Object.entries(places)) {
      const found = TOKEN.test(text) || secrets.some((secret) => text.includes(secret));
      if (found) this.#seen.leaks.push(place);
    }
  }

  /** What the journey left behind, in four checks. */
  async conclude(checks) {
    await this.#sweep();
    const { errors, foreign, leaks, requests, looks } = this.#seen;
    checks.that("pages were looked at", requests > 0 && looks > 0);
    checks.equal("no error, and nothing against the security policy", errors, []);
    checks.equal(`all ${requests} requests go to the server`, foreign, []);
    checks.equal(`no secret where it could be seen, in ${looks} looks`, leaks, []);
  }

  async close() {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

/** A page that went on to the next one before it was looked at; that one is. */
const GONE = () => {};

/** What a script of the page, or somebody looking over a shoulder, could find. */
const searchable = () => ({
  "the address": location.href,
  "the page": document.documentElement.outerHTML,
  "what scripts see of cookies": document.cookie,
  "the local storage": JSON.stringify({ ...localStorage }),
  "the session storage": JSON.stringify({ ...sessionStorage }),
  "the window's name": window.name,
});
