// The token of a mailed link. It comes in the fragment, which no server sees,
// leaves the address bar at once, and is kept nowhere but in this page.

import { find } from "./dom.js";

/** The token that this page was opened with, or `null`. */
export function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  // Another link to the same page, opened in this tab, loads nothing by itself.
  addEventListener("hashchange", () => {
    if (location.hash.startsWith("#token=")) location.reload();
  });
  return token;
}

/** The page's parts by name. */
export const part = (name) => find(`#${name}`);
