// Where one is logged in, and logging out there.

import { call, SessionOver } from "./api.js";
import { alertIn, element, find } from "./dom.js";
import { inWords } from "./form.js";
import { leave, logOut } from "./session.js";
import { device, moment } from "./words.js";

/** Shows the list as it is now. */
export async function showDevices() {
  await attempt(async () => {
    const { sessions } = await call("GET", "/sessions");
    find("#device-list").replaceChildren(...sessions.map(row));
    find("#others").hidden = sessions.length < 2;
  });
}

find("#others").addEventListener("click", () =>
  attempt(async () => {
    await call("DELETE", "/sessions");
    await said("All other devices are logged out.");
  }),
);

function row(session) {
  const name = device(session.user_agent);
  const title = element("p", { className: "row-title" }, name);
  if (session.current) title.append(element("span", { className: "tag" }, "This device"));
  const from = session.ip ? ` from ${session.ip}` : "";
  const text = `Logged in ${moment(session.created_at)}${from}, last seen ${moment(session.last_seen_at)}`;
  const words = element("div", { className: "row-words" }, title, element("p", { className: "row-text" }, text));
  const button = element("button", { type: "button", className: "quiet" }, "Log out");
  const which = session.current ? ", this device" : `, since ${moment(session.created_at)}`;
  button.append(element("span", { className: "unseen" }, `: ${name}${which}`));
  button.addEventListener("click", () => attempt(() => end(session, name)));
  return element("li", {}, words, button);
}

async function end(session, name) {
  if (session.current) {
    await logOut();
    return;
  }
  await call("DELETE", `/sessions/${encodeURIComponent(session.session_id)}`);
  await said(`${name} is logged out.`);
}

/** The button that was pressed is gone with its row: the reader goes on at the heading. */
async function said(text) {
  await showDevices();
  find("#devices-done").textContent = text;
  find("#devices-title").focus();
}

async function attempt(work) {
  const messages = find("#devices-messages");
  messages.replaceChildren();
  find("#devices-done").textContent = "";
  try {
    await work();
  } catch (error) {
    if (error instanceof SessionOver) leave("expired");
    else alertIn(messages, inWords(error));
  }
}
