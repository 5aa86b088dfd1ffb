// Who is logged in, in this tab and the others.

import { call, SessionOver } from "./api.js";
import { loginAddress } from "./next.js";

const channel = "BroadcastChannel" in window ? new BroadcastChannel("admittance-session") : null;

/** The profile of who is logged in, or `null`. Throws what `call` throws. */
export async function whoIsHere() {
  try {
    return await call("GET", "/profile");
  } catch (error) {
    if (error instanceof SessionOver) return null;
    throw error;
  }
}

/** Tells the other tabs that the session has ended, for the reason `note`. */
export const tellEnded = (note) => channel?.postMessage({ ended: note });

/** Tells the other tabs who has logged in. */
export const tellOpened = (userId) => channel?.postMessage({ opened: userId });

/** To the login, which says why and leads back to here. Nothing of this page stays in the history. */
export function leave(note) {
  conceal();
  location.replace(loginAddress(note, location.pathname + location.hash));
}

/** Ends the session in every tab. */
export async function logOut() {
  try {
    await call("POST", "/logout");
  } catch (error) {
    // It is over already, which is what was wanted.
    if (!(error instanceof SessionOver)) throw error;
  }
  tellEnded("elsewhere");
  conceal();
  location.replace(loginAddress("logged-out"));
}

/**
 * Keeps a page that shows an account true: it goes away when the session ends
 * or becomes another's in another tab, and when somebody comes back to it.
 */
export function guard(userId) {
  channel?.addEventListener("message", ({ data }) => {
    if (data.ended) leave(data.ended);
    else if (data.opened !== userId) location.reload();
  });
  addEventListener("pagehide", conceal);
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload();
  });
  document.addEventListener("visibilitychange", async () => {
    if (document.visibilityState !== "visible") return;
    try {
      const profile = await whoIsHere();
      if (!profile) leave("expired");
      else if (profile.user_id !== userId) location.reload();
    } catch {
      // The server does not answer: what is shown was true, and every act is checked anyway.
    }
  });
}

const conceal = () => document.body.classList.add("left");
