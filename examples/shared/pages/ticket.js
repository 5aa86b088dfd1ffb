// The ticket of a registration that waits for a mailed link. It shows that this browser
// began it, and stands for the password. The tab that waits has it; another one, in which the
// link was opened, asks for it.

const KEY = "admittance-ticket";

const channel = "BroadcastChannel" in window ? new BroadcastChannel("admittance-ticket") : null;

/** Keeps `ticket` in this tab for `seconds`. */
export function keepTicket(ticket, seconds) {
  sessionStorage.setItem(KEY, JSON.stringify({ ticket, until: Date.now() + seconds * 1000 }));
}

/** Gives the ticket of this tab to tabs of this origin that ask. Returns `false` if there is none. */
export function lendTicket() {
  channel?.addEventListener("message", ({ data }) => {
    const kept = ownTicket();
    if (data === "asked" && kept) channel.postMessage({ ticket: kept });
  });
  return ownTicket() !== null;
}

/** Calls `found(ticket)` with that of this tab, or with that of another one once it answers. */
export function findTicket(found) {
  const kept = ownTicket();
  if (kept) {
    found(kept);
    return;
  }
  channel?.addEventListener("message", ({ data }) => data?.ticket && found(data.ticket));
  channel?.postMessage("asked");
}

/** Forgets it, once it is used. */
export const dropTicket = () => sessionStorage.removeItem(KEY);

function ownTicket() {
  try {
    const { ticket, until } = JSON.parse(sessionStorage.getItem(KEY)) ?? {};
    return until > Date.now() ? ticket : null;
  } catch {
    return null;
  }
}
