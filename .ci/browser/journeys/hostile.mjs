// Hostile names, hostile targets after a login, and what the server itself sends.

import { HOSTILE_URLS } from "../hostile_urls.mjs";
import * as person from "../person.mjs";

const { PASSWORD, field, fill, press } = person;

const NAMES = [
  "<img src=x onerror=alert(1)>",
  "</script><script>alert(1)</script>",
  '" autofocus onfocus=alert(1) x="',
  "{{7*7}} ${7*7} %3Cscript%3E",
  "مرحبا بالعالم",
  "‏שלום <b>עולם</b>",
  "Ann & \u{1F9D1}‍\u{1F680} Ünïcødé",
];

async function names({ server, checks, open }) {
  const page = await open();
  page.on("dialog", () => checks.fail("a script of a stranger ran"));
  await person.register(page, "ann@example.org");
  for (const name of NAMES) {
    await field(page, "Your name").fill(name);
    await press(page, "Save");
    const saved = page.locator("#profile-form").getByText("Saved.");
    const refused = page.locator("#profile-form .field-error");
    await saved.or(refused).waitFor();
    if (await refused.isVisible()) {
      checks.that(`"${name}" is refused in words`, (await refused.textContent()).length > 10);
      continue;
    }
    await page.reload();
    await person.atAccount(page);
    const shown = await page.locator("#who-name").textContent();
    checks.equal(`"${name}" is shown as text`, shown, name);
    const made = await page.locator("#who-name *, main img, main script").count();
    checks.equal("and made nothing else", made, 0);
  }
  const isolated = await page.locator("#who-name").evaluate((node) => getComputedStyle(node).unicodeBidi);
  checks.equal("its direction stays its own", isolated, "isolate");

  const other = await open({ userAgent: "<img src=x onerror=alert(2)> Mozilla" });
  await person.logIn(other, "ann@example.org");
  await page.reload();
  await page.locator("#device-list").getByText("<img src=x onerror=alert(2)> Mozilla", { exact: true }).waitFor();
  checks.equal("nor is a device", await page.locator("#device-list img").count(), 0);
}

async function targets({ server, checks, open }) {
  const page = await open();
  await page.goto("/app/login");
  const found = await page.evaluate(async (urls) => {
    const { nextTarget } = await import("/app/assets/next.js");
    return urls.map((url) => nextTarget(url));
  }, HOSTILE_URLS);
  HOSTILE_URLS.forEach((url, index) => {
    checks.equal(`nobody is led to ${JSON.stringify(url)}`, found[index], "/app/account");
  });

  await person.register(page, "ann@example.org");
  for (const url of ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/logout", "/app/account#devices"]) {
    await page.goto(`/app/login?note=expired&next=${encodeURIComponent(url)}`);
    await person.tryLogin(page, "ann@example.org");
    await person.atAccount(page);
    const wanted = url.startsWith("/app/account") ? url : "/app/account";
    checks.equal(`after a login with next=${url}`, page.url(), server.origin + wanted);
  }
  await page.goto(`/app/login?note=${encodeURIComponent("<b>Call 555</b>")}`);
  checks.that("a note is one of the page's own", await page.locator("#note").isHidden());
}

async function contract({ server, checks, open, errors }) {
  const ask = (path, accept, method = "GET", more = {}) =>
    fetch(server.origin + path, { method, headers: { Accept: accept, ...more }, redirect: "manual" });
  const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
  const shared = ["/email/verify", "/email/disown", "/password/reset", "/password/forgot", "/email/change/confirm"];
  for (const path of shared) {
    const page = await ask(path, BROWSER);
    checks.equal(`${path} is a page for a browser`, page.status, 200);
    checks.equal("which depends on Accept", page.headers.get("vary"), "Accept");
    for (const accept of ["*/*", "application/json", "text/html;q=0", "text/*", "text/htmlx, */*"]) {
      const answer = await ask(path, accept);
      const found = [answer.status, answer.headers.get("allow"), (await answer.json()).code];
      checks.equal(`${path} for "${accept}"`, found, [405, "POST", "method_not_allowed"]);
    }
    const posted = await ask(path, BROWSER, "POST");
    const { code } = await posted.json();
    checks.that("a POST is the API's whatever it accepts", ["unsupported_media_type", "invalid_token"].includes(code), code);
  }
  const own = ["/", "/app/register", "/app/login", "/app/forgot", "/app/account"];
  for (const path of [...own, ...shared]) {
    const { headers } = await ask(path, BROWSER);
    const policy = headers.get("content-security-policy");
    for (const directive of [
      "default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'none'",
      "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
    ]) {
      checks.that(`${path}: ${directive}`, policy?.split(/;\s*/).includes(directive), policy);
    }
    for (const [name, value] of Object.entries({
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    })) {
      checks.equal(`${path}: ${name}`, headers.get(name), value);
    }
  }
  for (const path of own) {
    const answer = await ask(path, BROWSER, "POST");
    checks.equal(`${path} is only read`, [answer.status, answer.headers.get("allow")], [405, "GET, HEAD"]);
    const head = await ask(path, BROWSER, "HEAD");
    checks.equal(`${path} to HEAD`, [head.status, await head.text()], [200, ""]);
  }
  const asset = await ask("/app/assets/api.js", "*/*");
  const tag = asset.headers.get("etag");
  checks.equal("a file is asked for again", asset.headers.get("cache-control"), "no-cache");
  const again = await ask("/app/assets/api.js", "*/*", "GET", { "If-None-Match": tag });
  checks.equal("and not sent again", [again.status, await again.text()], [304, ""]);
  const missing = await ask("/app/assets/../../Cargo.toml", "*/*");
  checks.equal("no other file is there", missing.status, 404);
  checks.equal("nor another page", (await ask("/app/other", BROWSER)).status, 404);

  // The policy at work: what an injected script could try.
  const page = await open();
  await page.goto("/app/login");
  const directives = ["require-trusted-types-for", "style-src-attr", "form-action"];
  const tried = await page.evaluate((expected) => {
    const refused = [];
    // The browser reports some refusals, such as that of a form, only later.
    const reported = new Promise((resolve) => {
      setTimeout(resolve, 10_000);
      document.addEventListener("securitypolicyviolation", (event) => {
        refused.push(event.effectiveDirective);
        if (expected.every((directive) => refused.includes(directive))) resolve();
      });
    });
    const attempt = (work) => {
      try {
        work();
      } catch {
        // What is refused is what counts.
      }
    };
    attempt(() => {
      document.createElement("div").innerHTML = "<b>x</b>";
    });
    attempt(() => {
      const script = document.createElement("script");
      script.append("window.injected = true");
      document.body.append(script);
    });
    attempt(() => document.body.setAttribute("style", "color: red"));
    attempt(() => document.querySelector("form").submit());
    return reported.then(() => [refused, window.injected]);
  }, directives);
  for (const directive of directives) {
    checks.that(`the policy stops ${directive}`, tried[0].includes(directive), tried[0]);
  }
  checks.that("no script got in", tried[1] === undefined);
  const words = errors();
  const isAboutIt = (text) => /Content Security Policy|TrustedHTML|TrustedScript/.test(text);
  checks.that("and the console says why", words.length >= 3 && words.every(isAboutIt), words);
}

export default [
  { name: "hostile names", run: names },
  { name: "hostile targets after a login", run: targets },
  { name: "pages beside the API, and their headers", run: contract },
];
