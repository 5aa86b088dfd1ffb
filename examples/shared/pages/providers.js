// "Continue with …": the providers that people can sign in with, and the way there.

import { call } from "./api.js";
import { alertIn, element, find } from "./dom.js";
import { inWords } from "./form.js";
import { nextTarget } from "./next.js";
import { isWaiting, letWait } from "./wait.js";

/** What this tab knows of the sign-in that it began, while it is at the provider's. */
const BEGUN = "admittance-begun";

/** The providers, by id and name; none if the server has none. */
export async function providers() {
  try {
    return (await call("GET", "/providers", undefined, { session: false })).providers;
  } catch (error) {
    if (error.code === "not_found") return [];
    throw error;
  }
}

/** Fills in the part of the page with a button for each provider. `start()` gives what to ask for. */
export async function offerProviders(start) {
  const place = find("#providers");
  // Without this part the form above it does as well.
  const found = await providers().catch(() => []);
  const buttons = found.map((provider) => buttonFor(provider, `Continue with ${provider.name}`, start));
  find(".stack", place).replaceChildren(...buttons);
  place.hidden = !found.length;
}

/** A button that leads to `provider`. */
export function buttonFor(provider, label, start) {
  const button = element("button", { type: "button", className: "quiet" }, label);
  button.addEventListener("click", async () => {
    if (button.ariaBusy === "true" || isWaiting(button)) return;
    const messages = find(".messages", button.closest("[data-providers]"));
    messages.replaceChildren();
    button.ariaBusy = "true";
    try {
      await leaveFor(provider, start());
    } catch (error) {
      button.ariaBusy = "false";
      alertIn(messages, startInWords(error, provider.name));
      if (error.wait) letWait(button, error.wait);
    }
  });
  // Somebody who comes back by the history can press it again.
  addEventListener("pageshow", () => {
    button.ariaBusy = "false";
  });
  return button;
}

/**
 * To the provider. `purpose` is `login`, `link` or `reauthenticate`; the others need the session.
 * Throws what `call` throws.
 */
export async function leaveFor({ id, name }, { purpose, remember, returnTo }) {
  const provider = encodeURIComponent(id);
  const besides = { ...(returnTo && { return_to: nextTarget(returnTo) }) };
  const asked = {
    login: [`/login/${provider}`, { ...besides, ...(remember !== undefined && { remember }) }],
    link: [`/identities/${provider}`, besides],
    reauthenticate: ["/reauthenticate", { method: "fed", provider: id, ...besides }],
  };
  const [path, body] = asked[purpose];
  const { authorization_url: url } = await call("POST", path, body, {
    session: purpose !== "login",
    opens: true,
  });
  sessionStorage.setItem(BEGUN, JSON.stringify({ purpose, id, name }));
  location.assign(url);
}

/** What this tab had begun with the provider `id`; `name` is empty if it was another tab. */
export function begun(id) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(BEGUN));
    if (kept?.id === id) return kept;
  } catch {
    // What cannot be read says nothing.
  }
  return { purpose: "login", id, name: "" };
}

/** Forgets it, once it is over. */
export const finished = () => sessionStorage.removeItem(BEGUN);

function startInWords(error, name) {
  if (error.code === "provider_unavailable") {
    return `${name} does not answer at the moment. Try again later, or use another way in.`;
  }
  return inWords(error);
}
