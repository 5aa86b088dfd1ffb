// A browser without a screen: cookies for each host, and what a person does at the provider.

const MAX_REDIRECTS = 10;

export class Agent {
  #cookies = new Map();

  /** One request, without following a redirect. Cookies are kept by host, as browsers do. */
  async fetch(url, options = {}) {
    const { hostname } = new URL(url);
    const jar = this.#cookies.get(hostname) ?? new Map();
    this.#cookies.set(hostname, jar);
    const headers = { ...options.headers };
    if (jar.size) headers.Cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { ...options, headers, redirect: "manual" });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value, rest] = /^([^=]+)=([^;]*)(.*)$/.exec(line);
      const isOver = /;\s*(Max-Age=0|Expires=Thu, 01 Jan 1970)/i.test(rest);
      if (isOver) jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  }

  /** Another browser with the cookies that this one has now. */
  copy() {
    const copy = new Agent();
    for (const [host, jar] of this.#cookies) copy.#cookies.set(host, new Map(jar));
    return copy;
  }

  /**
   * Goes to the provider and says who it is, or `""` to cancel. Returns what the provider sends
   * back to the page `redirectUri`, by name, and in `asked` if it asked at all.
   */
  async signIn(authorizationUrl, account, redirectUri) {
    let [url, options, asked] = [authorizationUrl, {}, false];
    for (let turn = 0; turn < MAX_REDIRECTS; turn += 1) {
      const response = await this.fetch(url, options);
      const location = response.headers.get("Location");
      if (location) {
        const next = new URL(location, url);
        if (next.href.startsWith(`${redirectUri}?`)) {
          return { ...Object.fromEntries(next.searchParams), asked };
        }
        [url, options] = [next.href, {}];
        continue;
      }
      const text = await response.text();
      const form = submittedByScript(text);
      if (form) {
        [url, options] = [form.action, { method: "POST", body: form.fields }];
        continue;
      }
      if (response.status !== 200 || asked) throw new Error(`${url}: ${response.status} ${text}`);
      asked = true;
      options = { method: "POST", body: new URLSearchParams({ account }) };
    }
    throw new Error("the provider redirects without an end");
  }
}

/** The form of a page that a script sends at once, as when the provider changes accounts. */
function submittedByScript(text) {
  if (!text.includes("document.forms[0].submit()")) return null;
  const [, action] = /<form method="post" action="([^"]+)"/.exec(text);
  const inputs = text.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g);
  return { action, fields: new URLSearchParams([...inputs].map(([, name, value]) => [name, value])) };
}
