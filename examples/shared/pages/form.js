// A form: sends once at a time, says what is wrong beside the field that it is
// about, and loses nothing that was typed unless the session has ended.

import { Problem, SessionOver, Unreachable } from "./api.js";
import { alertIn, element, find } from "./dom.js";
import { leave } from "./session.js";
import { isWaiting, letWait } from "./wait.js";
import { duration } from "./words.js";

/** What is asked for in a field that was left empty. */
const EMPTY = {
  name: "Enter your name.",
  email: "Enter your email address.",
  new_email: "Enter the new email address.",
  password: "Enter the password.",
  current_password: "Enter your password.",
  new_password: "Choose a password.",
  confirm_password: "Enter the password once more.",
};

/**
 * Binds `form`. `send(values)` does the work with the fields' values by name;
 * `on[code](problem, form)` is asked first about a problem with that code, and
 * may give a list of `{field, message}` to be shown.
 */
export function bind(form, send, on = {}) {
  const button = find('button[type="submit"]', form);
  for (const toggle of form.querySelectorAll(".reveal")) bindReveal(toggle);
  form.addEventListener("input", ({ target }) => clearField(target));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true" || isWaiting(button)) return;
    clear(form);
    const fields = [...form.elements].filter((input) => input.name && !input.closest("[hidden]"));
    const empty = fields.filter((input) => input.required && input.value === "");
    if (empty.length) {
      showErrors(form, empty.map(({ name }) => ({ field: name, message: EMPTY[name] })));
      return;
    }
    hidePasswords(form);
    const done = busy(form, button);
    try {
      const value = (input) => (input.type === "checkbox" ? input.checked : input.value);
      await send(Object.fromEntries(fields.map((input) => [input.name, value(input)])));
      done();
    } catch (error) {
      done();
      explain(form, button, error, on);
    }
  });
}

function busy(form, button) {
  const label = button.textContent;
  form.ariaBusy = "true";
  button.setAttribute("aria-disabled", "true");
  button.textContent = button.dataset.busy;
  return () => {
    form.ariaBusy = "false";
    button.removeAttribute("aria-disabled");
    button.textContent = label;
  };
}

function explain(form, button, error, on) {
  if (error instanceof SessionOver) {
    leave("expired");
  } else if (error instanceof Problem) {
    const errors = on[error.code] ? on[error.code](error, form) : error.errors;
    if (errors?.length) showErrors(form, errors);
    else if (errors) explainProblem(form, button, error);
  } else if (error instanceof Unreachable) {
    alertIn(find(".messages", form), error.message);
  } else {
    alertIn(find(".messages", form), "Something went wrong in this page. Load it again.");
    throw error;
  }
}

function explainProblem(form, button, problem) {
  alertIn(find(".messages", form), inWords(problem));
  if (problem.wait) letWait(button, problem.wait);
}

/** A problem as a sentence, with the time to wait if there is one. */
export function inWords(error) {
  if (error.code === "rate_limited" && error.wait) {
    return `Too many attempts. Wait ${duration(error.wait)}, then try again.`;
  }
  if (error instanceof Problem && error.wait) {
    return `${error.message} It can be tried again in ${duration(error.wait)}.`;
  }
  return error.message;
}

/** Shows each error beside its field. With several, a list of them comes first. */
export function showErrors(form, errors) {
  const fields = new Map();
  const others = [];
  for (const { field, message, more } of errors) {
    const input = form.elements[field];
    if (!input) others.push(message);
    else if (fields.has(input)) fields.get(input).message += ` ${message}`;
    else fields.set(input, { message, more });
  }
  const ordered = [...form.elements].filter((input) => fields.has(input));
  for (const input of ordered) showError(input, fields.get(input).message, fields.get(input).more);
  const messages = find(".messages", form);
  if (others.length) {
    alertIn(messages, others.join(" "));
  } else if (ordered.length > 1) {
    messages.replaceChildren(summary(ordered.map((input) => [input, fields.get(input).message])));
    messages.firstChild.focus();
  } else {
    ordered[0]?.focus();
  }
}

function showError(input, message, more) {
  const id = `${input.id}-error`;
  const words = element("span", {}, message);
  if (more) words.append(" ", ...more());
  const note = element("p", { id, className: "field-error" }, words);
  const field = input.closest(".field");
  field.classList.add("invalid");
  const row = input.closest(".with-button") ?? input;
  row.after(note);
  input.ariaInvalid = "true";
  const described = [id, hintOf(input)].filter(Boolean).join(" ");
  input.setAttribute("aria-describedby", described);
}

const hintOf = (input) => find(".hint", input.closest(".field"))?.id;

function summary(errors) {
  const items = errors.map(([input, message]) => {
    // The rest stands beside the field.
    const [sentence] = /^.*?[.!?](?=\s|$)/.exec(message) ?? [message];
    const link = element("a", { href: `#${input.id}` }, sentence);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      input.focus();
    });
    return element("li", {}, link);
  });
  const title = element("h2", {}, `There are ${items.length} things to look at`);
  return element("div", { className: "summary", tabIndex: -1 }, title, element("ul", {}, ...items));
}

function clearField(input) {
  const field = input.closest?.(".field.invalid");
  if (!field) return;
  field.classList.remove("invalid");
  find(".field-error", field)?.remove();
  for (const control of field.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    const hint = hintOf(control);
    if (hint) control.setAttribute("aria-describedby", hint);
    else control.removeAttribute("aria-describedby");
  }
}

/** Takes away what was said about the last attempt. */
export function clear(form) {
  find(".messages", form).replaceChildren();
  find(".done", form)?.replaceChildren();
  for (const input of form.elements) clearField(input);
}

/** Empties the password fields, after what they were for is done. */
export function forget(form) {
  for (const input of form.querySelectorAll('input[autocomplete$="password"]')) input.value = "";
}

function bindReveal(toggle) {
  const input = document.getElementById(toggle.getAttribute("aria-controls"));
  toggle.addEventListener("click", () => reveal(toggle, input, input.type === "password"));
}

function reveal(toggle, input, shown) {
  input.type = shown ? "text" : "password";
  toggle.ariaPressed = String(shown);
  toggle.firstChild.data = shown ? "Hide" : "Show";
}

// So that a browser does not keep them among what was typed into text fields.
function hidePasswords(form) {
  for (const toggle of form.querySelectorAll(".reveal")) {
    reveal(toggle, document.getElementById(toggle.getAttribute("aria-controls")), false);
  }
}
