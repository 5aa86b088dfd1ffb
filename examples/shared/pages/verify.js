// Confirming an address: the link shows that the mailbox is the person's, a
// live session, the password or the ticket of a registration that the account is. Nothing happens before a
// button is pressed, since programs open the links of mails, too.

import { call, SessionOver } from "./api.js";
import { alertIn, find, foreign, showOnly } from "./dom.js";
import { bind, inWords } from "./form.js";
import { part, takeToken } from "./link.js";
import { tellOpened, whoIsHere } from "./session.js";
import { dropTicket, findTicket } from "./ticket.js";

const token = takeToken();
const form = find("#verify");
let profile = null;
/** Of a registration that this browser began at a provider. */
let ticket = null;

async function verify({ password }) {
  if (ticket) {
    await open({ token, ticket });
    dropTicket();
    return;
  }
  if (password === undefined) {
    // Renews a session that has run out, without which this would look like
    // the link of another account.
    profile = await whoIsHere();
    if (!profile) throw new SessionOver();
    await call("POST", "/email/verify", { token });
    done("You can close this page, or go on.");
    return;
  }
  await open({ token, password });
}

async function open(body) {
  const answer = await call("POST", "/email/verify", body, { session: false, opens: true });
  if (answer.user_id) tellOpened(answer.user_id);
  done(answer.user_id ? "You are logged in." : "Log in to go on.");
}

function done(text) {
  find("#done-text").textContent = text;
  showOnly(part("done"));
}

function askForPassword() {
  const lead = find("#as");
  if (profile) {
    lead.replaceChildren(
      "You are logged in as ",
      foreign(profile.email),
      ", but this link is for another account. Its password is needed; you are then logged in to that account.",
    );
  } else {
    lead.textContent = "One more step: the password of the account.";
  }
  find("#proof").hidden = false;
  find("#not-me").hidden = false;
}

function useTicket(found) {
  ticket = found;
  find("#as").textContent = "This is the last step of creating your account.";
  find("#proof").hidden = true;
  find("#not-me").hidden = true;
}

/** The account is not shown to be the person's yet, or the password was wrong. */
function proofRequired() {
  if (ticket) {
    // It is of another registration than the link.
    ticket = null;
    showWhoIsHere();
    if (profile) return [{ message: "The link is not of the registration that you began in this browser. Press the button again to use it for your account." }];
    form.elements.password.focus();
    return undefined;
  }
  if (find("#proof").hidden) {
    askForPassword();
    form.elements.password.focus();
    return undefined;
  }
  return [{ field: "password", message: "This is not the password that the account was made with." }];
}

async function send(values) {
  try {
    await verify(values);
  } catch (error) {
    if (!(error instanceof SessionOver)) throw error;
    // The session ended meanwhile; the password does as well.
    profile = null;
    proofRequired();
  }
}

bind(form, send, {
  proof_required: proofRequired,
  invalid_link: () => showOnly(part("dead")),
});

if (!token) {
  showOnly(part("dead"), { focus: false });
} else {
  await begin();
}

async function begin() {
  try {
    profile = await whoIsHere();
  } catch (error) {
    alertIn(find(".messages", form), inWords(error));
  }
  showWhoIsHere();
  showOnly(part("ask"), { focus: false });
  findTicket(useTicket);
}

function showWhoIsHere() {
  if (profile) find("#as").replaceChildren("You are logged in as ", foreign(profile.email), ".");
  else askForPassword();
}
