// "This was not me": removes an account that somebody made with one's address,
// after a button was pressed.

import { call } from "./api.js";
import { find, showOnly } from "./dom.js";
import { bind } from "./form.js";
import { part, takeToken } from "./link.js";

const token = takeToken();

async function disown() {
  await call("POST", "/email/disown", { token }, { session: false });
  showOnly(part("done"));
}

bind(find("#disown"), disown, { invalid_link: () => showOnly(part("dead")) });
showOnly(part(token ? "ask" : "dead"), { focus: false });
