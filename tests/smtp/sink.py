"""A mail server for the tests: takes mail, and says on standard output what
happened, one JSON object a line. It ends when its standard input does.

The one argument is JSON: `tls` (none, starttls, implicit), `mechanisms` (of
AUTH), `smtputf8`, `replies` (by command: MAIL, RCPT, DATA), `hang` (never
answers once it has the mail).
"""

import asyncio
import email
import email.policy
import json
import logging
import os
import re
import ssl
import sys
import tempfile
import threading

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

USER = b"exam@example.org"
PASSWORD = b"canary/Orbit-47"
OK = "250 OK"

# What a client does wrong here is what the tests want it to do.
logging.disable(logging.CRITICAL)


def say(**event):
    print(json.dumps(event), flush=True)


def shown(text):
    """The text with what is UTF-8 in a header read as that, and plain line ends."""
    text = str(text).encode("utf-8", "surrogateescape").decode()
    return text.replace("\r\n", "\n")


class Handler:
    def __init__(self, given):
        self.replies = given.get("replies", {})
        self.hang = given.get("hang", False)

    async def handle_MAIL(self, server, session, envelope, address, options):
        say(event="sender", tls=session.ssl is not None)
        if "MAIL" in self.replies:
            return self.replies["MAIL"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return OK

    async def handle_RCPT(self, server, session, envelope, address, options):
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server, session, envelope):
        raw = envelope.original_content
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        say(
            event="mail",
            hello=session.host_name,
            tls=session.ssl is not None,
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            options=envelope.mail_options,
            headers=[[name, shown(value)] for name, value in parsed.items()],
            defects=[repr(defect) for defect in parsed.defects],
            recipients_in_headers=[
                shown(address.addr_spec) for to in parsed.get_all("to") for address in to.addresses
            ],
            sender_name=parsed["from"].addresses[0].display_name,
            kind=parsed.get_content_type(),
            parts=[part.get_content_type() for part in parsed.iter_parts()],
            text=shown(parsed.get_body(("plain",)).get_content()),
            html=shown(parsed.get_body(("html",)).get_content()),
            longest=max(len(line) for line in raw.split(b"\r\n")),
            bare=re.search(rb"\r(?!\n)|(?<!\r)\n", raw) is not None,
            ascii=raw.isascii(),
        )
        if self.hang:
            await asyncio.sleep(3600)
        return self.replies.get("DATA", OK)


def authenticate(server, session, envelope, mechanism, data):
    say(event="login", mechanism=mechanism, tls=session.ssl is not None)
    if (data.login, data.password) == (USER, PASSWORD):
        return AuthResult(success=True)
    # A server that repeats what it was given.
    words = f"535 5.7.8 {data.login.decode()} {data.password.decode()} is wrong"
    return AuthResult(success=False, handled=False, message=words)


def certificate():
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "chain.pem")
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        context.load_cert_chain(path)
    return context, authority.cert_pem.bytes().decode()


async def main():
    given = json.loads(sys.argv[1])
    tls = given.get("tls", "none")
    context, root = certificate() if tls != "none" else (None, None)
    mechanisms = given.get("mechanisms")
    loop = asyncio.get_running_loop()

    def protocol():
        return SMTP(
            Handler(given),
            hostname="sink.example.org",
            enable_SMTPUTF8=given.get("smtputf8", False),
            tls_context=context if tls == "starttls" else None,
            require_starttls=False,
            auth_require_tls=tls == "starttls" or mechanisms is None,
            auth_required=mechanisms is not None,
            authenticator=authenticate,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - set(mechanisms or []),
            loop=loop,
        )

    implicit = context if tls == "implicit" else None
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit)
    say(port=server.sockets[0].getsockname()[1], root=root)
    await server.serve_forever()


def end_with_input():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_input, daemon=True).start()
asyncio.run(main())
