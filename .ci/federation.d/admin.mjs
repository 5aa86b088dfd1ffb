// What a test changes while the provider runs, and what it may know of it, on a port of its own:
//
// POST /rotate         new keys in place of the old ones
// POST /down, /up      it drops every connection, or answers again
// PUT /accounts/{sub}  the claims of an account, which is added if it is new
// GET /               `asked`: how often somebody was asked who they are; `tokens`: how often
//                      a code was exchanged or tried

/** The handler for `node:http`. */
export function admin({ accounts, state, rotate, server }) {
  const acts = {
    "POST /rotate": rotate,
    "POST /down": () => {
      state.isDown = true;
      server.closeAllConnections();
    },
    "POST /up": () => {
      state.isDown = false;
    },
    "GET /": () => {},
  };
  return async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const [, sub] = /^\/accounts\/([\w-]+)$/.exec(request.url) ?? [];
    const act = sub && request.method === "PUT"
      ? () => accounts.set(sub, JSON.parse(body))
      : acts[`${request.method} ${request.url}`];
    if (!act) {
      response.writeHead(404).end();
      return;
    }
    act();
    const { asked, tokens } = state;
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ asked, tokens }));
  };
}
