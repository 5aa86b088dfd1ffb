// Says on a page for strangers that somebody is logged in already.

import { element, find, foreign } from "./dom.js";
import { whoIsHere } from "./session.js";

/** Fills in the notice, once it is known. */
export async function sayWhoIsHere() {
  const profile = await whoIsHere().catch(() => null);
  if (!profile) return;
  const place = find("#here");
  const link = element("a", { href: "/app/account" }, "To your account");
  place.replaceChildren("You are logged in as ", foreign(profile.email), ". ", link);
  place.hidden = false;
}
