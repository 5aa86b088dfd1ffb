// Ways in besides the password: which accounts elsewhere are connected, connecting one, and
// disconnecting it. Both need a login that is recent.

import { call, SessionOver } from "./api.js";
import { alertIn, element, find, foreign } from "./dom.js";
import { bind, clear, forget, inWords } from "./form.js";
import { buttonFor, leaveFor, providers } from "./providers.js";
import { wrongPassword } from "./security.js";
import { leave, tellOpened } from "./session.js";
import { moment } from "./words.js";

const HERE = "/app/account#ways";
const LAST =
  "This is the only way into your account, so it stays. Set a password by mail first, or connect another account; then disconnect this one.";

let known = [];
/** The ids of the providers of which an account is connected. */
let connected = [];
/** What is done once it is shown that it is the person. */
let pending = null;

/** Shows the part, if the server has providers. */
export async function showWays() {
  bindProof();
  await attempt(async () => {
    known = await providers();
    if (!known.length) return;
    await list();
    find("#ways").hidden = false;
    find("#ways-link").hidden = false;
    // The part that the address names was not there when the page was loaded.
    if (location.hash === "#ways") find("#ways").scrollIntoView();
  });
}

async function list() {
  const { identities } = await call("GET", "/identities");
  find("#identity-list").replaceChildren(...identities.map(row));
  connected = identities.map(({ provider }) => provider);
  const open = known.filter(({ id }) => !connected.includes(id));
  find("#ways-connect").replaceChildren(...open.map(connector));
}

const nameOf = (id) => known.find((provider) => provider.id === id)?.name ?? id;

function row(identity) {
  const name = nameOf(identity.provider);
  const title = element("p", { className: "row-title" }, name);
  if (identity.email) title.append(" · ", foreign(identity.email));
  const used = identity.last_used_at ? `, last used ${moment(identity.last_used_at)}` : "";
  const text = `Connected ${moment(identity.created_at)}${used}`;
  const words = element("div", { className: "row-words" }, title, element("p", { className: "row-text" }, text));
  const button = element("button", { type: "button", className: "quiet" }, "Disconnect");
  button.append(element("span", { className: "unseen" }, `: ${name}${identity.email ? `, ${identity.email}` : ""}`));
  button.addEventListener("click", () => attempt(() => disconnect(identity.identity_id, name)));
  return element("li", {}, words, button);
}

function connector(provider) {
  const button = element("button", { type: "button", className: "quiet" }, `Connect ${provider.name}`);
  button.addEventListener("click", () =>
    attempt(() => leaveFor(provider, { purpose: "link", returnTo: HERE })),
  );
  return button;
}

async function disconnect(id, name) {
  await call("DELETE", `/identities/${encodeURIComponent(id)}`);
  await list();
  find("#ways-done").textContent = `${name} is disconnected.`;
  // The button that was pressed is gone with its row: the reader goes on at the heading.
  find("#ways-title").focus();
}

async function attempt(work) {
  const messages = find("#ways-messages");
  messages.replaceChildren();
  find("#ways-done").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error instanceof SessionOver) leave("expired");
    else if (error.code === "recent_login_required") askForProof(error.members.methods ?? ["pwd"], work);
    else if (error.code === "last_credential") alertIn(messages, LAST);
    else if (error.code === "provider_unavailable") {
      alertIn(messages, "The provider does not answer at the moment. Nothing has changed; try again later.");
    } else alertIn(messages, inWords(error));
  }
}

function askForProof(methods, work) {
  pending = work;
  const form = find("#proof-form");
  clear(form);
  form.hidden = !methods.includes("pwd");
  const offered = methods.includes("fed") ? known.filter(({ id }) => connected.includes(id)) : [];
  const start = () => ({ purpose: "reauthenticate", returnTo: HERE });
  const buttons = offered.map((provider) => buttonFor(provider, `Continue with ${provider.name}`, start));
  find("#proof-providers").replaceChildren(...buttons);
  find("#proof-messages").replaceChildren();
  find("#proof-dialog").showModal();
}

function bindProof() {
  const dialog = find("#proof-dialog");
  const form = find("#proof-form");
  find("#proof-not").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => forget(form));
  bind(
    form,
    async ({ current_password }) => {
      const body = { method: "pwd", current_password };
      const { user_id: userId } = await call("POST", "/reauthenticate", body, { opens: true });
      tellOpened(userId);
      dialog.close();
      await attempt(pending);
    },
    { invalid_credentials: wrongPassword },
  );
}
