// The page that shows the document, in a browser: node page.mjs BASE [FOLDER].
// With a folder it leaves screenshots there.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [base, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking"],
});
const api = await (await fetch(`${base}/openapi.json`)).json();
const operations = Object.values(api.paths).flatMap((item) => Object.values(item));

async function opened(hash, options) {
  const page = await browser.newPage(options);
  const asked = [];
  const complaints = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${base}/docs${hash}`);
  await page.locator("#state").waitFor({ state: "detached" });
  const elsewhere = asked.filter((url) => !url.startsWith(base) && !url.startsWith("data:"));
  assert.deepEqual(elsewhere, [], "something is loaded from elsewhere");
  assert.deepEqual(complaints, [], "the browser complains");
  return page;
}

async function fits(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} pixels too wide`);
}

const page = await opened("", { viewport: { width: 1100, height: 800 } });
assert.equal(await page.locator("details.operation").count(), operations.length);
const schemas = Object.keys(api.components.schemas).length;
assert.equal(await page.locator("#schemas > details").count(), schemas);
for (const { summary, operationId } of operations) {
  assert.ok((await page.locator(`#${operationId} > summary`).innerText()).includes(summary));
}
// By keyboard alone: find, go there, open, follow a link into the schemas.
await page.locator("#filter").focus();
await page.keyboard.type("post /email/verify");
await page.getByText("1 found").waitFor();
await page.keyboard.press("Tab");
await page.keyboard.press("Enter");
const verify = page.locator("#verifyEmail[open]");
await verify.waitFor();
await verify.getByText("proof_required").first().waitFor();
await verify.getByRole("link", { name: "VerifyEmail" }).press("Enter");
await page.locator("#schema-VerifyEmail[open]").waitFor();
await page.waitForURL(/#schema-VerifyEmail$/);
await fits(page);

// An address that points to an operation, on a phone, in the dark.
const phone = { viewport: { width: 360, height: 740 }, colorScheme: "dark" };
const small = await opened("#register", phone);
await small.locator("#register[open]").waitFor();
for (const details of await small.locator("details").all()) {
  await details.evaluate((one) => { one.open = true; });
}
await fits(small);
const dark = await small.evaluate(() => getComputedStyle(document.body).backgroundColor);
assert.equal(dark, "rgb(20, 22, 29)");

if (folder) {
  await (await opened("#login", { viewport: { width: 1100, height: 900 } }))
    .screenshot({ path: `${folder}/docs.png` });
  await (await opened("#register", phone)).screenshot({ path: `${folder}/docs-phone.png` });
}
await browser.close();
console.log(`the page shows ${operations.length} operations and ${schemas} schemas`);
