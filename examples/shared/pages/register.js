// Making an account.

import { call } from "./api.js";
import { element, find } from "./dom.js";
import { bind } from "./form.js";
import { sayWhoIsHere } from "./here.js";
import { showSent } from "./mailed.js";
import { offerProviders } from "./providers.js";
import { tellOpened } from "./session.js";
import { meter } from "./strength.js";

const form = find("#register");
const { email, name, password } = form.elements;

const strength = meter(password, find("#strength"), () => ({ email: email.value, name: name.value }));
// A password that has the name in it is weaker for it.
for (const input of [email, name]) input.addEventListener("change", strength.again);

async function register(values) {
  const answer = await call("POST", "/register", values, { session: false, opens: true });
  if (answer.user_id) {
    tellOpened(answer.user_id);
    location.assign("/app/account");
  } else {
    showSent(values.email, "/email/resend");
  }
}

const emailTaken = ({ message }) => [
  {
    field: "email",
    message,
    more: () => [
      element("a", { href: "/app/login" }, "Log in"),
      " or ",
      element("a", { href: "/app/forgot" }, "set a new password"),
      ".",
    ],
  },
];

bind(form, register, { email_taken: emailTaken });
offerProviders(() => ({ purpose: "login" }));
sayWhoIsHere();
