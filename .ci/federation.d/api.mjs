// The API of an example for one person, with cookies or with tokens.

import { Agent } from "./agent.mjs";

export const PASSWORD = "plum-Orbit-47-lantern";

export class Api {
  #server;
  #mode;
  #token;

  /** `mode` is `cookie` or `bearer`. */
  constructor(server, mode, agent = new Agent()) {
    this.#server = server;
    this.#mode = mode;
    this.agent = agent;
  }

  get redirectUri() {
    return `${this.#server.origin}/callback/oidc`;
  }

  /** Another person with the same server, in another browser. */
  stranger() {
    return new Api(this.#server, this.#mode);
  }

  /** The same person in a copy of the browser, with all that it keeps now. */
  copy() {
    const copy = new Api(this.#server, this.#mode, this.agent.copy());
    copy.#token = this.#token;
    return copy;
  }

  /** A request and its answer: the body, with `status` and `wait`, the seconds of `Retry-After`. */
  async call(method, path, body) {
    const headers = { Accept: "application/json" };
    if (body) headers["Content-Type"] = "application/json";
    if (this.#mode === "cookie") {
      headers["Admittance-Session"] = "cookie";
      headers["Sec-Fetch-Site"] = "same-origin";
    } else if (this.#token) {
      headers.Authorization = `Bearer ${this.#token}`;
    }
    // A bearer client keeps no cookies.
    const fetcher = this.#mode === "cookie" ? this.agent : { fetch };
    const url = this.#server.origin + path;
    const options = { method, headers, body: body && JSON.stringify(body) };
    const response = await fetcher.fetch(url, options);
    const text = await response.text();
    const answer = { ...(text && JSON.parse(text)), status: response.status };
    answer.wait = Number(response.headers.get("Retry-After"));
    if (answer.token && response.ok) this.#token = answer.token;
    return answer;
  }

  /** Begins at `path`. The answer has what a client keeps. */
  start(path = "/login/oidc", body = undefined) {
    return this.call("POST", path, body);
  }

  /** What the provider answers for `account`, with the flow where a client keeps it. */
  async visit(started, account, redirectUri = this.redirectUri) {
    const { asked, ...back } = await this.agent.signIn(started.authorization_url, account, redirectUri);
    this.wasAsked = asked;
    return started.flow ? { ...back, flow: started.flow } : back;
  }

  callback(back) {
    // What other members the provider sends, such as a description, a page leaves out.
    const { state, code, iss, error, flow } = back;
    return this.call("POST", "/login/oidc/callback", { state, code, iss, error, flow });
  }

  /** The whole way: there, `account` is chosen, and back. */
  async signIn(account, path, body) {
    const started = await this.start(path, body);
    if (started.status !== 200) throw new Error(`no start: ${JSON.stringify(started)}`);
    return this.callback(await this.visit(started, account));
  }

  register(email, name = "Ann") {
    const body = { email, password: PASSWORD, confirm_password: PASSWORD, name };
    return this.call("POST", "/register", body);
  }

  login(email) {
    return this.call("POST", "/login", { email, password: PASSWORD });
  }

  async identities() {
    return (await this.call("GET", "/identities")).identities;
  }
}
