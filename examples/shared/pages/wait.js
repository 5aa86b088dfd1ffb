// Waiting: a button that cannot be used for a while, and shows for how long.

const waiting = new WeakMap();

/** Whether `button` still has to wait. */
export const isWaiting = (button) => waiting.has(button);

/** Lets `button` wait for `seconds`; it keeps the focus, and counts down. */
export function letWait(button, seconds) {
  clearInterval(waiting.get(button)?.timer);
  const label = waiting.get(button)?.label ?? button.textContent;
  const until = Date.now() + seconds * 1000;
  const show = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) {
      clearInterval(waiting.get(button).timer);
      waiting.delete(button);
      button.removeAttribute("aria-disabled");
      button.textContent = label;
      return;
    }
    const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    button.textContent = `${label} (in ${clock})`;
  };
  button.setAttribute("aria-disabled", "true");
  waiting.set(button, { label, timer: setInterval(show, 500) });
  show();
}
