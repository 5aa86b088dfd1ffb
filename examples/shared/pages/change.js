// Confirming another address: in a session of the account, after a button was
// pressed. Who has no session logs in here, since the link works in this page only.

import { call, SessionOver } from "./api.js";
import { alertIn, find, showOnly } from "./dom.js";
import { bind } from "./form.js";
import { part, takeToken } from "./link.js";
import { tellOpened, whoIsHere } from "./session.js";

const token = takeToken();
const login = find("#login");

async function confirm() {
  try {
    await call("POST", "/email/change/confirm", { token });
    showOnly(part("done"));
  } catch (error) {
    if (!(error instanceof SessionOver)) throw error;
    askWho("Your session has ended. Log in to go on.");
  }
}

async function logIn(values) {
  const answer = await call("POST", "/login", values, { session: false, opens: true });
  tellOpened(answer.user_id);
  ask(answer.email);
}

function ask(email, options) {
  find("#as").textContent = email;
  showOnly(part("ask"), options);
}

function askWho(text, options) {
  find("#who-text").textContent = text;
  showOnly(part("who"), options);
}

function taken({ message }) {
  find("#dead-text").textContent = `${message} So it cannot be yours, and nothing has changed.`;
  showOnly(part("dead"));
}

function wrong({ message }) {
  alertIn(find(".messages", login), message);
  login.elements.password.focus();
}

bind(login, logIn, { invalid_credentials: wrong });
bind(find("#change"), confirm, {
  invalid_link: () => showOnly(part("dead")),
  email_taken: taken,
  proof_required: () =>
    askWho("This link is for another account than the one you are logged in to. Log in to that account."),
});

if (!token) showOnly(part("dead"), { focus: false });
else await begin();

async function begin() {
  const profile = await whoIsHere().catch(() => null);
  if (profile) ask(profile.email, { focus: false });
  else askWho("A new address is confirmed by the owner of the account.", { focus: false });
}
