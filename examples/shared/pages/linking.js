// An account with the provider's address exists: its password or a session of it shows whose
// it is. An address that nobody confirmed can be started anew with.

import { call } from "./api.js";
import { find, showOnly } from "./dom.js";
import { bind } from "./form.js";
import { part } from "./link.js";
import { OUTCOMES } from "./outcomes.js";
import { whoIsHere } from "./session.js";

/**
 * Shows the question. `words` has the provider's name; `enter(opened)` goes on with a session
 * that was opened, `over(outcome)` says that it cannot be finished.
 */
export async function askForProof({ ticket, can_start_anew: canStartAnew }, words, enter, over) {
  find("#link-lead").textContent =
    `An account with the email address that ${words.name} gave exists here. Connect the two, and you can log in either way.`;
  const profile = await whoIsHere().catch(() => null);
  find("#session-email").textContent = profile?.email ?? "";
  for (const id of ["#session", "#or"]) find(id).hidden = !profile;
  find("#anew-offer").hidden = !canStartAnew;

  // With nothing but the ticket it is about the session, and else it opens one.
  const link = (proof, options) => call("POST", "/identities/link", { ticket, ...proof }, options);
  const opening = { session: false, opens: true };
  const ended = { invalid_flow: () => over(OUTCOMES.invalid_flow(words)) };
  bind(find("#proof"), async ({ current_password }) => enter(await link({ current_password }, opening)), {
    ...ended,
    invalid_credentials: () => [
      { field: "current_password", message: "This is not the password of that account." },
    ],
  });
  bind(
    find("#session"),
    async () => {
      await link({});
      showOnly(part("connected"));
    },
    {
      ...ended,
      proof_required: () => [
        { message: "The account with that address is another one than the one you are logged in to. Enter its password." },
      ],
      recent_login_required: () => [
        { message: "You logged in too long ago for this. Enter the password of the account." },
      ],
    },
  );
  // The account that existed may be gone by then.
  const anewEnded = { invalid_flow: () => over(OUTCOMES.begin_again(words)) };
  bind(find("#anew-form"), async () => enter(await link({ start_anew: true }, opening)), anewEnded);
  find("#anew-ask").addEventListener("click", () => showOnly(part("anew")));
  find("#anew-back").addEventListener("click", () => showOnly(part("link")));
  showOnly(part("link"));
}
