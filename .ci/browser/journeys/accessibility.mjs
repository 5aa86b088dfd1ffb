// Every page in each of its states by axe-core's rules, light and dark, on a
// desk and on a phone of 360 pixels, where nothing may need to be scrolled
// sideways and everything to be pressed is at least 44 pixels high.

import { axe } from "../axe.mjs";
import * as person from "../person.mjs";

const { PASSWORD, MAIL, fill, press } = person;
const ANN = "ann@example.org";

const LOOKS = [
  { name: "light, desk", colorScheme: "light", width: 1280 },
  { name: "dark, desk", colorScheme: "dark", width: 1280 },
  { name: "light, phone", colorScheme: "light", width: 360, height: 740 },
  { name: "dark, phone", colorScheme: "dark", width: 360, height: 740 },
];

/** What is to be pressed, apart from links within a sentence, and is too small. */
const tooSmall = () =>
  [...document.querySelectorAll("button, a, input, select")]
    .filter((node) => node.checkVisibility() && !node.matches(".unseen, p a:not(.aside > a), .skip"))
    .map((node) => ({ node, label: node.type === "checkbox" ? node.labels[0] : node }))
    .map(({ node, label }) => ({ name: node.textContent.trim() || node.name, height: label.getBoundingClientRect().height }))
    .filter(({ height }) => height < 43.5);

async function inspect(page, checks, what) {
  const violations = await axe(page);
  checks.equal(`${what}: no violation`, violations, []);
  const { scroll, client } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    client: document.documentElement.clientWidth,
  }));
  checks.equal(`${what}: nothing to scroll sideways`, scroll, client);
  checks.equal(`${what}: nothing is too small to be pressed`, await page.evaluate(tooSmall), []);
  const headings = await page.locator("h1:visible").count();
  checks.equal(`${what}: one main heading`, headings, 1);
}

async function strangers({ server, checks, open }) {
  const verify = `/email/verify#token=adv_${"A".repeat(43)}`;
  for (const look of LOOKS) {
    const page = await open(look);
    const at = (state) => inspect(page, checks, `${state} (${look.name})`);
    await page.goto("/");
    await page.getByRole("link", { name: "Log in" }).waitFor();
    await at("start");
    await page.goto("/app/register");
    await at("register");
    await fill(page, { Password: "annlee1" });
    await page.locator(".strength-words").getByText("Strength").waitFor();
    await press(page, "Create the account");
    await page.locator(".summary").waitFor();
    await at("register with errors");
    await fill(page, { Password: PASSWORD });
    await page.locator(".strength-words").getByText(/trong/).waitFor();
    await at("register with a strong password");
    await page.goto("/app/login?note=expired");
    await at("login");
    await person.tryLogin(page, ANN);
    await person.alertOf(page);
    await at("login refused");
    await page.goto("/app/forgot");
    await at("forgot");
    await fill(page, { "Email address": `${look.name.replace(", ", "-")}@example.org` });
    await press(page, "Mail me a link");
    await page.locator("#sent").waitFor();
    await at("forgot, sent");
    await page.goto(verify);
    await page.locator("#verify").waitFor();
    await at("verify");
    await page.goto("/email/verify");
    await page.locator("#dead").waitFor();
    await at("a dead link");
    for (const path of ["/password/reset", "/email/disown", "/email/change/confirm"]) {
      await page.goto(`${path}#token=x`);
      await page.locator("main form").first().waitFor();
      await at(path);
    }
  }
}

async function accounts({ server, checks, open }) {
  const first = await open();
  await person.register(first, ANN);
  const state = await first.context().storageState();
  for (const look of LOOKS) {
    // Everybody with a session of their own would be too many logins.
    const page = await open({ ...look, storageState: state });
    const at = (what) => inspect(page, checks, `${what} (${look.name})`);
    await page.goto("/app/account");
    await page.locator("#event-list li").first().waitFor();
    await page.locator("#device-list li").first().waitFor();
    await at("account");
    await press(page, "Change the password");
    await page.locator(".summary").waitFor();
    await at("account with errors");
    await press(page, "Delete my account…");
    await page.getByRole("dialog").waitFor();
    await at("account with the dialog");
  }
  await first.goto(await server.link(ANN, ...MAIL.verify));
  await press(first, "Confirm the address");
  await first.locator("#done").waitFor();
  await inspect(first, checks, "verified");
}

/** Structure that axe-core does not ask for. */
async function structure({ server, checks, open }) {
  const page = await open({ reducedMotion: "reduce" });
  const titles = new Set();
  const paths = ["/app/register", "/app/login", "/app/forgot", "/email/verify", "/password/reset"];
  for (const path of paths) {
    await page.goto(path);
    titles.add(await page.title());
    for (const role of ["banner", "main", "contentinfo"]) {
      checks.equal(`${path} has one ${role}`, await page.getByRole(role).count(), 1);
    }
    const language = await page.locator("html").getAttribute("lang");
    checks.equal(`${path} says its language`, language, "en");
  }
  checks.equal("each page has its own title", titles.size, paths.length);
  const moves = await page.evaluate(() => ({
    scroll: getComputedStyle(document.documentElement).scrollBehavior,
    button: getComputedStyle(document.querySelector("a, button")).transitionDuration,
  }));
  checks.equal("nothing moves for whoever does not want it", moves, { scroll: "auto", button: "0s" });

  const plain = await open({ javaScriptEnabled: false });
  await plain.goto("/app/login");
  const words = await plain.locator("noscript").innerText();
  checks.that("without scripts it says what is missing", words.includes("JavaScript"), words);
}

export default [
  { name: "accessibility: for strangers", run: strangers },
  { name: "accessibility: accounts", run: accounts },
  { name: "accessibility: structure", run: structure },
];
