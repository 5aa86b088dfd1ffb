// What a person does in the pages and at the provider, in the words of the pages.

import * as person from "../browser/person.mjs";

export const TITLE = "School";

/** The provider's host, whose cookies remember who was there. */
const HOST = "127.0.0.2";

/** Has the provider forget who was there. */
export const beForgotten = (page) => page.context().clearCookies({ domain: HOST });

/** Presses "Continue with School" on the page at `path`, and waits for the provider's question. */
export async function goToSchool(page, path = "/app/login") {
  await beForgotten(page);
  if (path) await page.goto(path);
  await person.press(page, "Continue with School");
  await page.getByRole("heading", { name: TITLE, exact: true }).waitFor();
}

/** At the provider: goes on as this person. */
export const goOnAs = (page, { sub }) => page.locator(`button[value="${sub}"]`).click();

/** Goes to the provider and on as `who`. */
export async function signIn(page, who, path) {
  await goToSchool(page, path);
  await goOnAs(page, who);
}

/** Waits for a page with this heading. */
export const heading = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();

/** The part of the account about other ways in. */
export const ways = (page) => page.locator("#ways");

/** Nothing of what the provider said may stay in the address bar. */
export function addressIsClean(page, checks) {
  const { search } = new URL(page.url());
  checks.equal("nothing of the provider stays in the address", search, "");
}

/** Where the account shows that `email` of the provider is connected. */
export const connected = (page, { email }) => ways(page).locator(".row-title").getByText(email);

/** Disconnects what is connected. */
export const disconnect = (page) => ways(page).getByRole("button", { name: /^Disconnect/ }).click();
