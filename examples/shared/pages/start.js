// The start: to the account, or to the two ways of getting in.

import { find } from "./dom.js";
import { whoIsHere } from "./session.js";
import { noteFrom } from "./words.js";

try {
  if (await whoIsHere()) location.replace("/app/account");
  else welcome();
} catch (error) {
  find("#trouble-text").textContent = error.message;
  find("#again").addEventListener("click", () => location.reload());
  find("#trouble").hidden = false;
  find("#loading").hidden = true;
}

function welcome() {
  const note = noteFrom(location.search);
  find("#note").hidden = !note;
  find("#note").textContent = note ?? "";
  find("#stranger").hidden = false;
  find("#loading").hidden = true;
}
