// Back from a provider. Code and state leave the address bar at once, and are sent to the
// server once; what they were for, the server knows.

import { call, SessionOver, Unreachable } from "./api.js";
import { find, showOnly } from "./dom.js";
import { inWords } from "./form.js";
import { askForProof } from "./linking.js";
import { part } from "./link.js";
import { nextTarget } from "./next.js";
import { OUTCOMES } from "./outcomes.js";
import { begun, finished } from "./providers.js";
import { tellOpened, whoIsHere } from "./session.js";
import { keepTicket, lendTicket } from "./ticket.js";

const provider = location.pathname.split("/").pop();
const answer = take();
const { purpose, name } = begun(provider);
// Another tab may have begun it, and then only the provider's id is known.
const words = { name: name || "the provider", isLogin: purpose === "login" };
for (const place of document.querySelectorAll(".provider")) place.textContent = words.name;

/** What the provider says in the address; of one that posts a form, the server has put it into the fragment. */
function take() {
  const query = new URLSearchParams(location.search || location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  const members = ["state", "code", "iss", "error", "user"].flatMap((member) =>
    query.has(member) ? [[member, query.get(member)]] : [],
  );
  return Object.fromEntries(members);
}

if (answer.state) await finish();
// Loaded again, while a mailed link is waited for.
else if (lendTicket()) showOnly(part("sent"), { focus: false });
else over(OUTCOMES.invalid_flow(words));

async function finish() {
  try {
    // Renews a session that has run out meanwhile: the flow belongs to it.
    if (purpose !== "login" && !(await whoIsHere())) throw new SessionOver();
    const path = `/login/${encodeURIComponent(provider)}/callback`;
    const opened = await call("POST", path, answer, { session: false, opens: true });
    finished();
    if (opened.user_id) enter(opened);
    else waitForMail(opened);
  } catch (error) {
    explain(error);
  }
}

/** In. Nothing of this page stays in the history. */
function enter({ user_id: userId, return_to: wanted }) {
  tellOpened(userId);
  location.replace(nextTarget(wanted));
}

/** The account is made when a mailed link is opened, in this browser. */
function waitForMail({ ticket, expires_in: seconds }) {
  keepTicket(ticket, seconds);
  lendTicket();
  showOnly(part("sent"));
}

function explain(error) {
  if (error.code === "link_required") {
    finished();
    askForProof(error.members, words, enter, over);
    return;
  }
  if (error instanceof Unreachable) {
    // It has not arrived, or its answer is lost: the server knows which.
    over({ title: "The server cannot be reached", text: inWords(error) }, finish);
    return;
  }
  const outcome = error instanceof SessionOver ? OUTCOMES.session_over : OUTCOMES[error.code];
  over(outcome?.(words, error) ?? { title: "This did not work", text: inWords(error) });
}

/** Says how it ended, and which way leads on; `again` does what failed once more. */
function over({ title, text, back = words.isLogin ? "login" : "account" }, again) {
  find("#over-title").textContent = title;
  find("#over-text").textContent = text;
  const link = find("#over-back");
  const [href, label] = {
    login: ["/app/login", "Back to the login"],
    register: ["/app/register", "Create an account with a password"],
    account: ["/app/account#ways", "To your account"],
  }[back];
  link.href = href;
  link.textContent = label;
  const button = find("#over-again");
  button.hidden = !again;
  link.classList.toggle("quiet", Boolean(again));
  button.onclick = again ? () => {
    showOnly(find("#loading"));
    again();
  } : null;
  showOnly(part("over"));
}
