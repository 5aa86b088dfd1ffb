// What was done and tried with the account.

import { call, SessionOver } from "./api.js";
import { alertIn, element, find } from "./dom.js";
import { inWords } from "./form.js";
import { leave } from "./session.js";
import { device, moment, notice, operation } from "./words.js";

const PAGE = 5;
let before = null;

/** Shows the newest events; none at all when the server keeps none. */
export async function showActivity() {
  find("#older").addEventListener("click", more);
  await more();
}

async function more() {
  const messages = find("#activity-messages");
  messages.replaceChildren();
  try {
    const query = new URLSearchParams({ limit: PAGE, ...(before && { before }) });
    const { events, next } = await call("GET", `/account/events?${query}`);
    find("#event-list").append(...events.map(row));
    before = next;
    find("#older").hidden = !next;
  } catch (error) {
    if (error instanceof SessionOver) {
      leave("expired");
    } else if (error.code === "not_found") {
      find("#activity").hidden = true;
      find("#activity-link").hidden = true;
    } else {
      alertIn(messages, inWords(error));
    }
  }
}

function row(event) {
  const title = element("p", { className: "row-title" }, operation(event));
  if (event.refused) title.append(element("span", { className: "tag bad" }, "Refused"));
  const besides = notice(event.notice);
  if (besides) title.append(element("span", { className: "tag" }, besides));
  const where = event.by_other
    ? "by an administrator"
    : [event.user_agent && device(event.user_agent), event.ip].filter(Boolean).join(", ");
  const text = [moment(event.at), where].filter(Boolean).join(" · ");
  const words = element("div", { className: "row-words" }, title, element("p", { className: "row-text" }, text));
  return element("li", {}, words);
}
