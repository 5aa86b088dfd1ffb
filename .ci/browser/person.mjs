// What a person does in the pages, in the words of the pages.

export const PASSWORD = "plum-Orbit-47-lantern";
export const OTHER = "quartz!Meadow 93 ferry";

/** What mails with a link have in their subject, and the page that it points to. */
export const MAIL = {
  verify: ["Confirm your email address", "/email/verify"],
  disown: ["Confirm your email address", "/email/disown"],
  complete: ["Complete your registration", "/email/verify"],
  reset: ["Set a new password", "/password/reset"],
  change: ["Confirm your new email address", "/email/change/confirm"],
};

export const field = (page, label) => page.getByLabel(label, { exact: true });
export const button = (page, name) => page.getByRole("button", { name, exact: true });

/** Fills in the fields by their labels. */
export async function fill(page, values) {
  for (const [label, value] of Object.entries(values)) await field(page, label).fill(value);
}

export async function press(page, name) {
  await button(page, name).click();
}

/** Registers, and waits for the account. */
export async function register(page, email, { name = "Ann Lee", password = PASSWORD } = {}) {
  await page.goto("/app/register");
  await fill(page, {
    "Your name": name,
    "Email address": email,
    Password: password,
    "The password once more": password,
  });
  await press(page, "Create the account");
  await atAccount(page);
}

/** Fills in the login that the page shows, and presses the button. */
export async function tryLogin(page, email, password = PASSWORD) {
  await fill(page, { "Email address": email, Password: password });
  await press(page, "Log in");
}

export async function logIn(page, email, password = PASSWORD) {
  await page.goto("/app/login");
  await tryLogin(page, email, password);
  await atAccount(page);
}

export async function atAccount(page) {
  await page.waitForURL(/\/app\/account(#.*)?$/);
  await page.getByRole("heading", { name: "Your account" }).waitFor();
}

export async function logOut(page) {
  await page.locator("#logout").click();
  await page.waitForURL(/\/app\/login/);
}

/** The error beside the field with this label, as it is tied to it for screen readers. */
export async function errorOf(page, label) {
  const input = field(page, label);
  await input.and(page.locator("[aria-invalid=true]")).waitFor();
  return input.evaluate((element) => {
    const ids = (element.getAttribute("aria-describedby") ?? "").split(" ");
    const error = ids.map((id) => document.getElementById(id)).find((one) => one?.matches(".field-error"));
    return error?.textContent ?? "";
  });
}

/** The text of the alert that the page shows. */
export async function alertOf(page) {
  const alert = page.getByRole("alert").filter({ visible: true });
  await alert.waitFor();
  return alert.textContent();
}

/** The label of what has the focus, its heading if it has one, or its text. */
export const focused = (page) =>
  page.evaluate(() => {
    const active = document.activeElement;
    const name = active.labels?.[0] ?? active.querySelector("h2") ?? active;
    return name.textContent.trim();
  });
