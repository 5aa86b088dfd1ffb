// "Look into your mailbox": sending a mail again, after a while.

import { call } from "./api.js";
import { alertIn, find, showOnly } from "./dom.js";
import { inWords } from "./form.js";
import { isWaiting, letWait } from "./wait.js";

const PAUSE_SECONDS = 60;

/** Shows the part of the page that says a mail is on its way to `address`. */
export function showSent(address, path) {
  const sent = find("#sent");
  for (const place of sent.querySelectorAll(".address")) place.textContent = address;
  showOnly(sent);
  offerAgain(find("#resend"), find(".messages", sent), path, () => address);
  letWait(find("#resend"), PAUSE_SECONDS);
}

/** Lets `button` ask `path` for another mail to `address()`; `done()` says that it is sent. */
export function offerAgain(button, messages, path, address, done = () => {}) {
  button.addEventListener("click", async () => {
    if (isWaiting(button)) return;
    messages.replaceChildren();
    try {
      const { message } = await call("POST", path, { email: address() }, { session: false });
      letWait(button, PAUSE_SECONDS);
      done(message);
    } catch (error) {
      alertIn(messages, inWords(error));
      if (error.wait) letWait(button, error.wait);
    }
  });
}
