// Another password, another address.

import { call } from "./api.js";
import { showDevices } from "./devices.js";
import { find } from "./dom.js";
import { bind, forget } from "./form.js";
import { meter } from "./strength.js";

/** The password of the account was given wrongly. */
export const wrongPassword = () => [
  { field: "current_password", message: "This is not your password." },
];

/** Binds both forms of the account of `profile`. */
export function bindSecurity(profile) {
  bindPassword(profile);
  bindAddress();
}

function bindPassword({ email, name }) {
  const form = find("#password-form");
  // For password managers, which ask whose password it is.
  form.elements.username.value = email;
  const strength = meter(form.elements.new_password, find("#strength"), () => ({ email, name }));
  bind(
    form,
    async ({ current_password, new_password, confirm_password }) => {
      const body = { current_password, new_password, confirm_password };
      await call("POST", "/password/change", body);
      forget(form);
      strength.clear();
      find(".done", form).textContent = "Your password is changed. All other devices are logged out.";
      await showDevices();
    },
    { invalid_credentials: wrongPassword },
  );
}

function bindAddress() {
  const form = find("#address-form");
  bind(
    form,
    async ({ new_email, current_password }) => {
      const { message } = await call("POST", "/email/change", { new_email, current_password });
      forget(form);
      find(".done", form).textContent = message;
    },
    { invalid_credentials: wrongPassword },
  );
}
