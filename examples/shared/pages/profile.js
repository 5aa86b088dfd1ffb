// Name and preferences.

import { call } from "./api.js";
import { find } from "./dom.js";
import { bind } from "./form.js";

/** Fills in the form; `changed(profile)` is told of what was saved. */
export function bindProfile(profile, changed) {
  const form = find("#profile-form");
  const { name, level, goal } = form.elements;
  name.value = profile.name;
  level.value = text(profile.preferences.level);
  goal.value = text(profile.preferences.goal);
  // A level that this page does not know.
  if (level.selectedIndex < 0) level.value = "";

  bind(form, async (values) => {
    // A merge patch: what others set at the same time, or what this page knows
    // nothing of, stays; `null` removes a preference.
    const preferences = { level: values.level || null, goal: values.goal || null };
    const saved = await call("PATCH", "/profile", { name: values.name, preferences });
    name.value = saved.name;
    changed(saved);
    find(".done", form).textContent = "Saved.";
  });
}

const text = (value) => (typeof value === "string" ? value : "");
