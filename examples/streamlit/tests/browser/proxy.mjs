// A proxy in front of the app, as a school has one: it says in `X-Forwarded-For` where each browser
// is. All browsers here are on one machine, so it goes by the number in their `User-Agent`.

import { Agent, createServer, request } from "node:http";
import { pipeline } from "node:stream";

/** A connection for each request: one that is kept may be closed by the app as it is used again. */
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

const ADDRESS = "203.0.113.";

/** The `User-Agent` of a browser at an address of its own. */
export const from = (number) => `Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.0.0 Person/${number}`;

function forwarded(headers) {
  const number = /Person\/(\d+)/.exec(headers["user-agent"] ?? "")?.[1];
  if (number === undefined) return headers;
  // Behind what the browser itself claims, as `$proxy_add_x_forwarded_for` of nginx does.
  const claimed = headers["x-forwarded-for"];
  const address = `${ADDRESS}${number}`;
  return { ...headers, "x-forwarded-for": claimed ? `${claimed}, ${address}` : address };
}

/** The headers, as names and values in turn, but for `Connection`, which is of one connection. */
function withoutConnection(raw) {
  return raw.filter((_, at) => raw[at - (at % 2)].toLowerCase() !== "connection");
}

/** Starts it at `port`, in front of the app at `behind`. */
export function startProxy(port, behind) {
  const ask = (incoming) =>
    request({
      // Not by name: Node gives each of a name's addresses 250 ms, which is not enough on a machine
      // that starts thirty browsers.
      host: "127.0.0.1",
      agent,
      port: behind,
      method: incoming.method,
      path: incoming.url,
      headers: forwarded(incoming.headers),
    });
  const server = createServer((incoming, answer) => {
    const asked = ask(incoming);
    asked.on("response", (got) => {
      answer.writeHead(got.statusCode, withoutConnection(got.rawHeaders));
      // An answer that breaks off breaks off for the browser too, which asks again.
      pipeline(got, answer, () => {});
    });
    asked.on("error", () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    pipeline(incoming, asked, () => {});
  });
  server.on("upgrade", (incoming, socket, head) => {
    const asked = ask(incoming);
    asked.on("upgrade", (got, other, first) => {
      const lines = [`HTTP/1.1 101 ${got.statusMessage}`];
      for (let at = 0; at < got.rawHeaders.length; at += 2) {
        lines.push(`${got.rawHeaders[at]}: ${got.rawHeaders[at + 1]}`);
      }
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      socket.write(first);
      other.write(head);
      socket.pipe(other).pipe(socket);
      const ends = [socket, other];
      for (const end of ends) end.on("error", () => ends.forEach((one) => one.destroy()));
    });
    asked.on("response", () => socket.destroy());
    asked.on("error", () => socket.destroy());
    asked.end();
  });
  server.listen(port, "127.0.0.1");
  return server;
}
