// Asking for a link that sets a new password.

import { call } from "./api.js";
import { find } from "./dom.js";
import { bind } from "./form.js";
import { showSent } from "./mailed.js";

bind(find("#forgot"), async ({ email }) => {
  await call("POST", "/password/forgot", { email }, { session: false });
  showSent(email, "/password/forgot");
});
