// The example as a process of its own, and the mails that it prints.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

const RULE = "-".repeat(72);
const PATIENCE_MS = 60_000;

export class Server {
  #process;
  #output = "";
  #seen = new Set();
  #waiting = new Set();
  #environment;

  /** `environment` may depend on the server's origin: it is then a function of it. */
  static async start(environment = {}) {
    const server = new Server();
    server.port = await freePort();
    const given = typeof environment === "function" ? await environment(server.origin) : environment;
    server.#environment = { AUTH_SECRET: randomBytes(32).toString("base64"), ...given };
    await server.revive();
    return server;
  }

  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, again on the same port after a `stop`. */
  async revive() {
    const { PATH, HOME, RUST_BACKTRACE = "1" } = process.env;
    const env = { PATH, HOME, RUST_BACKTRACE, ADDR: `127.0.0.1:${this.port}`, ...this.#environment };
    this.#output = "";
    this.#seen.clear();
    this.#process = spawn(env.EXAMPLE ?? process.env.EXAMPLE, { env, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => {
        this.#output += text;
        for (const look of this.#waiting) look();
      });
    }
    await this.#until(() => this.#output.includes("Listening on"), "it listens");
    this.isDown = false;
  }

  /** Ends it at once, as a crash does. */
  async kill() {
    this.isDown = true;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }

  async stop() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGTERM");
    await once(this.#process, "exit");
  }

  /** The next mail to `to` with `subject` in its subject that was not given out yet. */
  async mail(to, subject) {
    const find = () =>
      this.mails().find(
        (mail) => mail.to === to && mail.subject.includes(subject) && !this.#seen.has(mail.index),
      );
    await this.#until(find, `there is a mail "${subject}" to ${to}`);
    const mail = find();
    this.#seen.add(mail.index);
    return mail;
  }

  /** All that it printed and logged since it was started. */
  get words() {
    return this.#output;
  }

  /** Waits until it prints or logs `text`. */
  says(text) {
    return this.#until(() => this.#output.includes(text), `it says "${text}"`);
  }

  /** The link to `path` in that mail. */
  async link(to, subject, path) {
    const { text } = await this.mail(to, subject);
    const links = text.match(/https?:\/\/\S+/g) ?? [];
    const link = links.find((one) => one.startsWith(`${this.origin}${path}#token=`));
    if (!link) throw new Error(`no link to ${path} in: ${text}`);
    return link;
  }

  /** All mails that were printed. */
  mails() {
    const blocks = this.#output.split(`${RULE}\n`);
    return blocks.flatMap((block, index) => {
      const found = /^To: (.*)\nSubject: (.*)\n\n([\s\S]*)$/.exec(block);
      return found ? [{ index, to: found[1], subject: found[2], text: found[3] }] : [];
    });
  }

  async #until(holds, what) {
    let look;
    const there = new Promise((resolve) => {
      look = () => holds() && resolve();
      this.#waiting.add(look);
      look();
    });
    const late = AbortSignal.timeout(PATIENCE_MS);
    const over = once(late, "abort").then(() => {
      throw new Error(`waited in vain until ${what}:\n${this.#output}`);
    });
    await Promise.race([there, over]);
    this.#waiting.delete(look);
  }
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
