// A new password, by a mailed link.

import { call } from "./api.js";
import { find, showOnly } from "./dom.js";
import { bind } from "./form.js";
import { part, takeToken } from "./link.js";
import { loginAddress } from "./next.js";
import { tellEnded } from "./session.js";
import { meter } from "./strength.js";

const token = takeToken();
const form = find("#reset");

meter(form.elements.new_password, find("#strength"), () => ({}));

async function reset(values) {
  await call("POST", "/password/reset", { token, ...values }, { session: false });
  tellEnded("reset");
  location.replace(loginAddress("reset"));
}

bind(form, reset, { invalid_link: () => showOnly(part("dead")) });
showOnly(part(token ? "ask" : "dead"), { focus: false });
