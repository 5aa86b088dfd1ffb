// A journey with the client that openapi-fetch makes of the document, under `tsc --strict`.
// `node journey.js BASE bearer|cookie`.
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./schema.js";

declare const process: { argv: string[]; exit(code: number): never };

const [base = "", way = "bearer"] = process.argv.slice(2);
const inCookies = way === "cookie";
const jar = new Map<string, string>();
let token: string | undefined;

// What a browser does with cookies, and what an application does with a token.
const session: Middleware = {
    onRequest({ request }) {
        if (inCookies) {
            request.headers.set("Origin", new URL(base).origin);
            request.headers.set("Cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
        } else if (token !== undefined) {
            request.headers.set("Authorization", `Bearer ${token}`);
        }
        return request;
    },
    onResponse({ response }) {
        for (const cookie of response.headers.getSetCookie()) {
            const [pair = ""] = cookie.split(";");
            const [name = "", value = ""] = pair.split("=");
            value === "" ? jar.delete(name) : jar.set(name, value);
        }
    },
};

const client = createClient<paths>({ baseUrl: base });
client.use(session);
const asked = inCookies ? { header: { "Admittance-Session": "cookie" as const } } : {};

function must(holds: boolean, what: string): asserts holds {
    if (!holds) {
        console.error(`${way}: ${what}`);
        process.exit(1);
    }
}

const email = `clara-${way}-${Date.now()}@example.org`;
const password = "plum-Orbit-47-lantern";
const weak = await client.POST("/register", {
    params: asked,
    body: { email, password: "12345678", confirm_password: "12345678", name: "Clara" },
});
must(weak.error?.code === "validation_failed", "a weak password is refused");
// Narrowed by the code: `errors` is there.
must(weak.error.errors.some((one) => one.field === "password" && one.message !== ""), "the field is named");

const registered = await client.POST("/register", {
    params: asked,
    body: { email, password, confirm_password: password, name: "Clara" },
});
must(registered.data !== undefined, "registered");
const again = await client.POST("/register", {
    params: asked,
    body: { email, password, confirm_password: password, name: "Clara" },
});
must(again.error?.code === "email_taken", "the address is taken");

const wrong = await client.POST("/login", { params: asked, body: { email, password: "wrong" } });
must(wrong.error?.code === "invalid_credentials", "a wrong password is refused");
const login = await client.POST("/login", { params: asked, body: { email, password, remember: null } });
must(login.data !== undefined, "logged in");
let refresh = "";
if ("refresh_token" in login.data) {
    ({ token, refresh_token: refresh } = login.data);
}
must(inCookies === (token === undefined), "tokens are where they belong");

const changed = await client.PATCH("/profile", { body: { preferences: { level: "B2" } } });
must(changed.data?.preferences["level"] === "B2", "the profile is changed");
const profile = await client.GET("/profile");
must(profile.data?.name === "Clara" && profile.data.preferences["level"] === "B2", "the profile");
const sessions = await client.GET("/sessions");
must(sessions.data?.sessions.some((one) => one.current && one.ip !== "") === true, "the sessions");

const refreshed = inCookies
    ? await client.POST("/refresh", { params: {} })
    : await client.POST("/refresh", { body: { refresh_token: refresh } });
must(refreshed.data !== undefined, "refreshed");
if ("token" in refreshed.data) {
    token = refreshed.data.token;
}
must((await client.POST("/logout", {})).data !== undefined, "logged out");
const out = await client.GET("/profile");
must(out.error?.code === "invalid_token", "the session has ended");
console.log(`openapi-fetch, ${way}: register, field error, login, profile, sessions, refresh, logout`);
