// The account: shown when it is known whose it is.

import { showActivity } from "./activity.js";
import { bindDanger } from "./danger.js";
import { showDevices } from "./devices.js";
import { alertIn, find } from "./dom.js";
import { inWords } from "./form.js";
import { offerAgain } from "./mailed.js";
import { bindProfile } from "./profile.js";
import { bindSecurity } from "./security.js";
import { showWays } from "./ways.js";
import { guard, leave, logOut, whoIsHere } from "./session.js";

try {
  const profile = await whoIsHere();
  if (profile) show(profile);
  else leave("expired");
} catch (error) {
  find("#trouble-text").textContent = inWords(error);
  find("#again").addEventListener("click", () => location.reload());
  find("#trouble").hidden = false;
  find("#loading").hidden = true;
}

function show(profile) {
  guard(profile.user_id);
  showWho(profile);
  bindProfile(profile, showWho);
  bindSecurity(profile);
  bindDanger();
  bindLogout();
  showDevices();
  showWays();
  showActivity();
  find("#loading").hidden = true;
  find("#account").hidden = false;
  // The part that the address names was not there when the page was loaded.
  const wanted = document.getElementById(location.hash.slice(1));
  wanted?.scrollIntoView();
}

function showWho({ name, email, is_verified: isVerified }) {
  find("#who-name").textContent = name;
  find("#who-email").textContent = email;
  for (const place of document.querySelectorAll(".address")) place.textContent = email;
  const badge = find("#badge");
  badge.textContent = isVerified ? "Confirmed" : "Not confirmed yet";
  badge.classList.toggle("open", !isVerified);
  find("#unverified").hidden = isVerified;
}

function bindLogout() {
  const messages = find("#account-messages");
  find("#logout").addEventListener("click", async () => {
    messages.replaceChildren();
    try {
      await logOut();
    } catch (error) {
      // A person who leaves now is still logged in, and has to know.
      alertIn(messages, `You are still logged in. ${inWords(error)}`);
    }
  });
  const address = () => find("#who-email").textContent;
  const said = (message) => {
    find("#resend-done").textContent = message;
  };
  offerAgain(find("#resend"), messages, "/email/resend", address, said);
}
