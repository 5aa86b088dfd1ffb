// Taking one's data along, and deleting the account.

import { call, SessionOver } from "./api.js";
import { alertIn, element, find } from "./dom.js";
import { bind, clear, forget, inWords } from "./form.js";
import { wrongPassword } from "./security.js";
import { leave, tellEnded } from "./session.js";

/** Binds both. */
export function bindDanger() {
  find("#export").addEventListener("click", download);
  bindDeletion();
}

async function download() {
  const messages = find("#data-messages");
  messages.replaceChildren();
  try {
    const all = await call("GET", "/account/export");
    const file = new Blob([JSON.stringify(all, null, 2)], { type: "application/json" });
    const href = URL.createObjectURL(file);
    element("a", { href, download: "account.json" }).click();
    // The download has its own hold on it by then.
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
    find("#export-done").textContent = "The file account.json is being downloaded.";
  } catch (error) {
    if (error instanceof SessionOver) leave("expired");
    else alertIn(messages, inWords(error));
  }
}

function bindDeletion() {
  const dialog = find("#delete-dialog");
  const form = find("#delete-form");
  find("#delete").addEventListener("click", () => {
    clear(form);
    dialog.showModal();
  });
  find("#keep").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => forget(form));
  bind(
    form,
    async ({ current_password }) => {
      await call("DELETE", "/account", { current_password });
      tellEnded("deleted");
      document.body.classList.add("left");
      location.replace("/?note=deleted");
    },
    { invalid_credentials: wrongPassword },
  );
}
