// An example, a provider that it signs people in with, and people with accounts there.

import { Server } from "../browser/server.mjs";
import { CLIENTS, settings } from "./clients.mjs";
import { ProviderProcess } from "./provider_process.mjs";

/** Another page, of an application on its own port, to which the provider may lead. */
export const APP_PAGE = "http://127.0.0.1:8501/callback/oidc";

export class World {
  #people = 0;

  /** `environment` goes to the example, which is `client` at the provider. */
  static async start({ environment = {}, client = CLIENTS[0] } = {}) {
    const world = new World();
    world.server = await Server.start(async (origin) => {
      world.provider = await ProviderProcess.start([`${origin}/callback/oidc`, APP_PAGE]);
      return {
        ...settings(world.provider.issuer, client),
        OIDC_REDIRECT_URIS: APP_PAGE,
        RATE_LIMITS: "school",
        ...environment,
      };
    });
    return world;
  }

  /** A person whom nobody met before, with an account `sub` at the provider. */
  async person({ domain = "school.example", ...claims } = {}) {
    this.#people += 1;
    const sub = `person-${this.#people}`;
    const person = { name: `Person ${this.#people}`, email: `${sub}@${domain}`, email_verified: true, ...claims };
    await this.provider.account(sub, person);
    return { sub, ...person };
  }

  async stop() {
    await this.server.stop();
    await this.provider.stop();
  }
}
