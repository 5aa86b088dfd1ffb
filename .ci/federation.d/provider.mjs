// An OpenID provider for tests: the npm package `oidc-provider`, with accounts that are
// chosen on a page of its own, on a free port. It prints one line of JSON when it listens:
// `issuer` for the world, and `admin` for what a test changes while it runs (see `admin.mjs`).
//
// REDIRECT_URIS  comma-separated redirect URIs of both clients
// HOST           the address to listen on, by default 127.0.0.1

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { Accounts } from "./accounts.mjs";
import { admin } from "./admin.mjs";
import { CLIENTS } from "./clients.mjs";
import { interactions } from "./interactions.mjs";

const require = createRequire(`${process.env.PROVIDER_MODULES}/package.json`);
const { default: Provider } = await import(pathToFileURL(require.resolve("oidc-provider")));

const host = process.env.HOST ?? "127.0.0.1";
const redirectUris = (process.env.REDIRECT_URIS ?? "").split(",").filter(Boolean);
const accounts = new Accounts();
const cookieKey = randomBytes(32).toString("base64url");

/** A key of its own for each algorithm; the ids differ from those of any other. */
function freshKeys() {
  const pairs = [
    ["ES256", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["RS256", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ];
  return pairs.map(([alg, { privateKey }]) => ({
    ...privateKey.export({ format: "jwk" }),
    alg,
    use: "sig",
    kid: randomBytes(8).toString("hex"),
  }));
}

function provider(issuer) {
  const made = new Provider(issuer, {
    clients: CLIENTS.map((client) => ({ ...client, redirect_uris: redirectUris })),
    jwks: { keys: freshKeys() },
    cookies: { keys: [cookieKey] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    enabledJWA: { idTokenSigningAlgValues: ["ES256", "RS256"] },
    clientAuthMethods: ["client_secret_basic", "client_secret_post"],
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: false } },
    pkce: { required: () => true },
    findAccount: (_, sub) => accounts.find(sub),
    interactions: { url: (_, { uid }) => `/sign-in/${uid}` },
    // Choosing an account also allows the client: there is one question, and not two.
    loadExistingGrant: async ({ oidc }) => {
      const grant = new made.Grant({
        clientId: oidc.client.clientId,
        accountId: oidc.session.accountId,
      });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 600, AuthorizationCode: 600, Grant: 3600, IdToken: 600, Interaction: 3600, Session: 3600 },
  });
  return made;
}

const state = { isDown: false, asked: 0, tokens: 0 };
const server = createServer((request, response) => {
  if (state.isDown) {
    request.socket.destroy();
    return;
  }
  if (request.url === "/token") state.tokens += 1;
  const answered = interactions(current, accounts, state, request, response);
  if (!answered) handle(request, response);
});
server.listen(0, host);
await once(server, "listening");
const issuer = `http://${host}:${server.address().port}`;

let current;
let handle;
function rotate() {
  current = provider(issuer);
  handle = current.callback();
}
rotate();

const control = createServer(admin({ accounts, state, rotate, server }));
control.listen(0, "127.0.0.1");
await once(control, "listening");
console.log(JSON.stringify({ issuer, admin: `http://127.0.0.1:${control.address().port}` }));

// It ends with what started it.
process.stdin.resume();
process.stdin.on("end", () => process.exit());
