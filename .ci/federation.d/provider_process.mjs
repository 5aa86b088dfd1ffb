// The provider as a process of its own.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("provider.mjs", import.meta.url));

export class ProviderProcess {
  #process;

  /** Starts it with these redirect URIs, on another host than the example: to a browser another site. */
  static async start(redirectUris, host = "127.0.0.2") {
    const provider = new ProviderProcess();
    const { PATH, HOME, PROVIDER_MODULES } = process.env;
    const env = { PATH, HOME, PROVIDER_MODULES, HOST: host, REDIRECT_URIS: redirectUris.join(",") };
    provider.#process = spawn(process.execPath, [PROGRAM], { env, stdio: ["pipe", "pipe", "ignore"] });
    const [line] = await once(createInterface(provider.#process.stdout), "line");
    Object.assign(provider, JSON.parse(line));
    return provider;
  }

  /** How often somebody was asked who they are, and how often a code was exchanged. */
  counts() {
    return this.#ask("GET", "/");
  }

  /** New keys in place of the old ones. */
  rotate() {
    return this.#ask("POST", "/rotate");
  }

  down() {
    return this.#ask("POST", "/down");
  }

  up() {
    return this.#ask("POST", "/up");
  }

  /** Adds the account `sub` with these claims, or replaces them. */
  account(sub, claims) {
    return this.#ask("PUT", `/accounts/${sub}`, claims);
  }

  async stop() {
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, "exit");
  }

  async #ask(method, path, body) {
    const answer = await fetch(this.admin + path, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer.json();
  }
}
