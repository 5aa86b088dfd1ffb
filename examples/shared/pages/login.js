// Logging in, and back to where one was.

import { call } from "./api.js";
import { alertIn, find } from "./dom.js";
import { bind } from "./form.js";
import { sayWhoIsHere } from "./here.js";
import { nextTarget } from "./next.js";
import { offerProviders } from "./providers.js";
import { tellOpened } from "./session.js";
import { noteFrom } from "./words.js";

const query = new URLSearchParams(location.search);
const form = find("#login");

const note = noteFrom(location.search);
if (note) {
  find("#note").textContent = note;
  find("#note").hidden = false;
  // Once is enough: not again when the page is loaded again.
  query.delete("note");
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
}

async function logIn(values) {
  const answer = await call("POST", "/login", values, { session: false, opens: true });
  tellOpened(answer.user_id);
  location.assign(nextTarget(query.get("next")));
}

function wrong({ message }) {
  alertIn(find(".messages", form), message);
  form.elements.password.focus();
}

bind(form, logIn, { invalid_credentials: wrong });
offerProviders(() => ({
  purpose: "login",
  remember: form.elements.remember.checked,
  returnTo: query.get("next"),
}));
sayWhoIsHere();
