// Requests to the API. The session is in cookies that no script can read; a
// request that finds it run out has it renewed once, and is then repeated.

/**
 * An answer that is a problem (RFC 9457). `wait` is in seconds, 0 if unknown; `members` has what
 * else the problem says, such as a ticket to go on with.
 */
export class Problem extends Error {
  constructor(status, body, wait) {
    super(body.detail ?? "Something went wrong. Try again later.");
    this.status = status;
    this.code = body.code ?? "internal";
    this.errors = Array.isArray(body.errors) ? body.errors : [];
    this.wait = wait;
    this.members = body;
  }
}

/** No answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached. Nothing that you typed is lost: check the connection and try again.");
  }
}

/** The session has ended and cannot be renewed. */
export class SessionOver extends Error {
  constructor() {
    super("Your session has ended. Log in again.");
  }
}

const PATIENCE_MS = 30_000;

/**
 * Sends a request and gives the answer's body.
 *
 * `session`: whether it is about the session, which is then renewed when it has
 * run out. `opens`: whether the answer may open a session, to be kept in cookies.
 * Throws `Problem`, `Unreachable`, `SessionOver`, or what `signal` is aborted with.
 */
export async function call(method, path, body, { session = true, opens = false, signal } = {}) {
  const once = () => send(method, path, body, opens, signal);
  // The answer to a renewal in another tab may be on its way: it must not come
  // after this one, in whose place it would put its cookies.
  let answer = await (opens ? alone(once) : once());
  if (session && isOver(answer)) {
    answer = await alone(async () => {
      // Another tab may have renewed the session while this one waited for its turn.
      const again = await once();
      if (!isOver(again)) return again;
      await renew();
      return once();
    });
  }
  if (answer.status >= 400) throw new Problem(answer.status, answer.body, answer.wait);
  return answer.body;
}

const isOver = (answer) => answer.status === 401 && answer.body.code === "invalid_token";

async function send(method, path, body, opens, signal) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (opens) headers["Admittance-Session"] = "cookie";
  const patience = AbortSignal.timeout(PATIENCE_MS);
  try {
    const response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    return {
      status: response.status,
      wait: Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 0,
      body: parsed(await response.text()),
    };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** A proxy in between may answer with something else than JSON. */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" ? value : {};
  } catch {
    return {};
  }
}

async function renew() {
  const answer = await send("POST", "/refresh");
  if (answer.status === 401) throw new SessionOver();
  if (answer.status >= 400) throw new Problem(answer.status, answer.body, answer.wait);
}

/**
 * Does `work` while no other tab does the like. There are locks on https and on
 * localhost only; elsewhere the server's grace for a repeated refresh has to do.
 */
const alone = (work) =>
  navigator.locks ? navigator.locks.request("admittance-renewal", work) : work();
