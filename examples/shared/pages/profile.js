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
    // Preferences are replaced as a whole: what others have set since, or what
    // this page knows nothing of, stays.
    const { preferences } = await call("GET", "/profile");
    for (const key of ["level", "goal"]) {
      if (values[key]) preferences[key] = values[key];
      else delete preferences[key];
    }
    const saved = await call("PUT", "/profile", { name: values.name, preferences });
    name.value = saved.name;
    changed(saved);
    find(".done", form).textContent = "Saved.";
  });
}

const text = (value) => (typeof value === "string" ? value : "");
