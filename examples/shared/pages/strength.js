// How strong a password is, while it is typed.

import { call } from "./api.js";
import { element, find } from "./dom.js";

/** Of a password that may be used, and of one that may not, by its score. */
const GOOD = ["Good enough", "Good enough", "Good enough", "Strong", "Very strong"];
const BAD = ["Very weak", "Weak", "Not strong enough yet", "Not good enough yet", "Not good enough yet"];
/** Long enough not to ask for, or to read out, every letter. */
const PAUSE_MS = 350;

/**
 * Shows in `place` how strong the password in `input` is. `context()` gives
 * what else is known of the person: `{email, name}`, each may be absent.
 */
export function meter(input, place, context) {
  const words = find(".strength-words", place);
  let timer;
  let asked = new AbortController();
  const ask = async () => {
    asked = new AbortController();
    const { signal } = asked;
    const password = input.value;
    if (password === "") {
      show(place, words, null);
      return;
    }
    try {
      const body = { password, ...known(context()) };
      const judged = await call("POST", "/password/strength", body, { session: false, signal });
      // The newest alone counts: older ones were aborted.
      if (!signal.aborted) show(place, words, judged);
    } catch {
      // It is only advice; the form says what counts.
      if (!signal.aborted) show(place, words, null);
    }
  };
  const later = () => {
    clearTimeout(timer);
    asked.abort();
    timer = setTimeout(ask, PAUSE_MS);
  };
  input.addEventListener("input", later);
  return {
    again: () => input.value && later(),
    clear: () => show(place, words, null),
  };
}

const known = (context) =>
  Object.fromEntries(Object.entries(context).filter(([, value]) => value));

function show(place, words, judged) {
  if (!judged) {
    delete place.dataset.bars;
    words.replaceChildren();
    return;
  }
  const { acceptable, score } = judged;
  place.dataset.bars = acceptable ? Math.max(3, score) : Math.min(2, Math.max(1, score));
  const label = (acceptable ? GOOD : BAD)[score];
  const advice = acceptable ? [] : adviceOf(judged);
  const list = advice.map((text) => element("li", {}, text));
  words.replaceChildren(
    element("p", {}, "Strength: ", element("strong", {}, label)),
    ...(list.length ? [element("ul", {}, ...list)] : []),
  );
}

/** What zxcvbn advises, and which rules are broken that it does not know of. */
function adviceOf({ errors, warning, suggestions }) {
  const rules = errors.filter(({ code }) => code !== "too_weak").map(({ message }) => message);
  const advice = [...rules, ...(warning ? [warning] : []), ...suggestions];
  return advice.length ? [...new Set(advice)] : errors.map(({ message }) => message);
}
