// How signing in with a provider can end, other than well: in the words of the person.

const NOTHING = "Nothing has changed.";

/** By the code of the problem. `name` is the provider's, `isLogin` says what it was for. */
export const OUTCOMES = {
  invalid_flow: () => ({
    title: "This cannot be finished",
    text: `It took longer than ten minutes, it was finished already, or it was begun in another browser. ${NOTHING} Begin again.`,
  }),
  begin_again: ({ name }) => ({
    title: "This cannot be finished",
    text: `It took longer than ten minutes, or it was finished already. Continue with ${name} again: if the account that existed is gone, a new one is made for you.`,
  }),
  provider_denied: ({ name, isLogin }) => ({
    title: isLogin ? "You are not logged in" : "You are not connected",
    text: `You stopped at ${name}, or ${name} did not let you in. ${NOTHING}`,
  }),
  provider_unavailable: ({ name }, error) => ({
    title: `${name} does not answer`.replace(/^t/, "T"),
    text: `${NOTHING} Begin again ${later(error)}, or use another way in.`,
  }),
  identity_taken: ({ name }) => ({
    title: "This belongs to another account",
    text: `Who you are at ${name} is connected with another account here. ${NOTHING} To connect it with this one, log in to the other account and disconnect it there.`,
  }),
  validation_failed: ({ name }, { errors }) => {
    // Otherwise the address is not accepted, or the application refuses the person.
    const isMissing = errors.some(({ field, code }) => field === "email" && code === "required");
    if (!isMissing) return { title: "No account was made", text: `${sentences(errors)} ${NOTHING}` };
    return {
      title: "Your address is missing",
      text: `${name} gave no email address that an account can have. ${NOTHING} You can create an account with an address and a password instead.`.replace(/^t/, "T"),
      back: "register",
    };
  },
  rate_limited: (_, error) => ({
    title: "Too many people at once",
    text: `Too many sign-ins came from your network. ${NOTHING} Begin again ${later(error)}.`,
  }),
  not_found: () => ({
    title: "This way in does not exist",
    text: `The server does not know this provider. ${NOTHING}`,
  }),
  second_factor_required: () => ({
    title: "One more step is missing",
    text: "Your account asks for a second factor, which these pages do not have.",
  }),
  session_over: () => ({
    title: "Your session has ended",
    text: `${NOTHING} Log in, then begin again.`,
    back: "login",
  }),
  recent_login_required: () => ({
    title: "Your login is too old for this",
    text: `${NOTHING} Log in again, then connect the account.`,
    back: "login",
  }),
};

const sentences = (errors) => errors.map(({ message }) => message).join(" ");
const later = ({ wait }) => (wait ? `in ${wait} seconds` : "later");
