// What is said to people: times, devices, events.

/** Notes that a page may be opened with. Whatever is not listed says nothing. */
const NOTES = new Map([
  ["expired", "Your session has ended. Log in to go on where you were."],
  ["elsewhere", "You have logged out in another tab."],
  ["logged-out", "You are logged out."],
  ["reset", "Your new password is set. Log in with it."],
  ["deleted", "Your account has been deleted."],
]);

/** The note that the address of this page asks for, if there is one. */
export const noteFrom = (query) => NOTES.get(new URLSearchParams(query).get("note")) ?? null;

/** Seconds as "45 seconds", "2 minutes", "1 hour", rounded up. */
export function duration(seconds) {
  const count = (number, unit) => `${number} ${unit}${number === 1 ? "" : "s"}`;
  if (seconds < 60) return count(Math.max(1, Math.ceil(seconds)), "second");
  if (seconds < 3600) return count(Math.ceil(seconds / 60), "minute");
  return count(Math.ceil(seconds / 3600), "hour");
}

const MOMENT = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** A moment of the API as a person reads it, in local time. */
export function moment(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : MOMENT.format(date);
}

// The first that fits: most browsers also call themselves by the others' names.
const BROWSERS = [
  [/Edg\//, "Edge"],
  [/OPR\//, "Opera"],
  [/Firefox\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/^curl\//, "curl"],
];

const SYSTEMS = [
  [/Android/, "Android"],
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Windows/, "Windows"],
  [/Macintosh|Mac OS/, "Mac"],
  [/Linux|X11/, "Linux"],
];

/** What a client says it is, in short. */
export function device(agent) {
  if (!agent) return "An unknown device";
  const match = (list) => list.find(([pattern]) => pattern.test(agent))?.[1];
  const [browser, system] = [match(BROWSERS), match(SYSTEMS)];
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? agent.slice(0, 80);
}

const OPERATIONS = new Map(Object.entries({
  register: "Account created",
  login: "Login",
  logout: "Logout",
  refresh: "Session renewed",
  update_profile: "Profile changed",
  change_password: "Password changed",
  confirm_password: "Password given again",
  start_federation: "Sent to another provider",
  federated_login: "Login with another provider",
  link_identity: "Another way in connected",
  unlink_identity: "Another way in disconnected",
  list_identities: "Ways in looked at",
  list_sessions: "Devices looked at",
  end_session: "A device logged out",
  end_all_sessions: "All other devices logged out",
  verify_email: "Address confirmed",
  resend_verification: "Mail to confirm the address asked for",
  disown_email: "“This was not me” said of the account",
  forgot_password: "Link for a new password asked for",
  reset_password: "New password set by mail",
  change_email: "Another address asked for",
  confirm_email_change: "New address confirmed",
  export_account: "Data downloaded",
  delete_account: "Deletion of the account",
  remove_user: "Removal of the account by the application",
  list_events: "Activity looked at",
  reauthenticate: "Proof given again",
  validate_token: "Request without a valid session",
  disable_user: "Account disabled",
  enable_user: "Account enabled",
  change_roles: "Roles changed",
  end_user_session: "A device logged out",
  end_user_sessions: "All devices logged out",
  send_password_reset: "Link for a new password mailed",
  view_user: "Account looked at",
  list_user_sessions: "Devices looked at",
  list_user_events: "Activity looked at",
  send_mail: "Mail sent",
}));

const MAILS = new Map(Object.entries({
  verify_email: "to confirm the address",
  complete_registration: "to complete the registration",
  already_registered: "that the address has an account",
  reset_password: "with a link for a new password",
  password_changed: "that the password has changed",
  confirm_email_change: "to confirm a new address",
  email_change_requested: "that a new address was asked for",
  email_changed: "that the address has changed",
  new_device: "about a login from a new device",
  account_locked: "about many failed attempts",
  identity_linked: "about another way in",
  identity_unlinked: "about a way in that was removed",
  account_deleted: "that the account is deleted",
}));

/** What an event was. */
export function operation({ operation: name, mail }) {
  const words = OPERATIONS.get(name) ?? name.replaceAll("_", " ");
  const about = MAILS.get(mail);
  return name === "send_mail" && about ? `${words} ${about}` : words;
}

const NOTICES = new Map(Object.entries({
  new_device: "new device",
  account_locked: "slowed down after failed attempts",
  refresh_token_reused: "a copy of the session was used, so it was ended",
  mail_dropped: "not sent",
  mail_given_up: "not delivered",
  mail_address_refused: "the mail server does not take the address",
}));

/** What there is to know besides, or `null`. */
export const notice = (code) => NOTICES.get(code) ?? null;
