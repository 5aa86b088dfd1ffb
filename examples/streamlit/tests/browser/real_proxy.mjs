// nginx or Caddy in front of the app, configured by the lines of the README, with TLS.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";

export const HOST = "exams.example.org";

/** An address of this machine that is not a loopback one: by default only those are proxies. */
export function outsideAddress() {
  const all = Object.values(networkInterfaces()).flat();
  const found = all.find(({ family, internal }) => family === "IPv4" && !internal);
  if (!found) throw new Error("this journey needs a network interface besides the loopback one");
  return found.address;
}

/** The lines of the README in the language `name`, with the app's port. */
function documented(name, appPort) {
  const readme = readFileSync(join(process.env.APP, "README.md"), "utf8");
  const [, lines] = new RegExp("```" + name + "\\n([^`]*)```").exec(readme);
  return lines.replaceAll("127.0.0.1:8501", `127.0.0.1:${appPort}`);
}

function nginx(port, appPort, folder) {
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const made = ["-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${HOST}`, "-days", "1"];
  execFileSync("openssl", ["req", "-x509", ...made, "-keyout", key, "-out", certificate], {
    stdio: "ignore",
  });
  const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const places = kinds.map((kind) => `${kind}_temp_path ${join(folder, kind)};`);
  const owner = process.getuid() === 0 ? "user root;" : "";
  const file = join(folder, "nginx.conf");
  writeFileSync(
    file,
    `${owner} daemon off; pid ${join(folder, "nginx.pid")}; error_log stderr;
    events {}
    http {
      access_log off; ${places.join(" ")}
      server {
        listen ${port} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key};
        ${documented("nginx", appPort)}
      }
    }`,
  );
  return ["nginx", ["-c", file, "-p", folder], {}];
}

function caddy(port, appPort, folder) {
  const file = join(folder, "Caddyfile");
  const site = documented("caddy", appPort);
  // A certificate of its own, since nobody outside can check the host; nothing else is changed.
  const here = site.replace(`${HOST} {`, `https://${HOST}:${port} {\n    tls internal`);
  const rest = "{\n admin off\n skip_install_trust\n auto_https disable_redirects\n}\n";
  writeFileSync(file, rest + here);
  const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
  return ["caddy", ["run", "--config", file, "--adapter", "caddyfile"], home];
}

/** How to start the proxy `name` at `port`, in front of the app: command, arguments, folder, environment. */
export function realProxy(name, port, appPort, data) {
  const folder = join(data, name);
  mkdirSync(folder);
  const [command, args, more] = { nginx, caddy }[name](port, appPort, folder);
  return [command, args, folder, { PATH: `${process.env.PATH}:/usr/sbin`, ...more }];
}
