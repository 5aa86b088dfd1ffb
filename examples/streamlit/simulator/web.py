"""What the app answers over HTTP besides Streamlit's pages: cookies, links from mails, and the way
back from a provider."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .logins import IDLE_SECONDS, LOGINS
from .settings import settings
from .sign_ins import SECONDS, SIGN_INS

#: Where the links in the server's mails point, and which page of this app is meant.
MAIL_LINKS = {
    "/email/verify": "/verify",
    "/email/disown": "/disown",
    "/email/change/confirm": "/confirm-email",
    "/password/reset": "/reset",
}


def cookie_name() -> str:
    """The name of the cookie. By the prefix no neighbouring host can set it (RFC 6265bis)."""
    return "__Host-exam_session" if settings().is_https else "exam_session"


def sign_in_cookie_name() -> str:
    """The name of the cookie of a browser that is at a provider."""
    return "__Host-exam_sign_in" if settings().is_https else "exam_sign_in"


def is_own_page(request: Request) -> bool:
    """Whether a page of this app sent `request`, by what the browser says of it."""
    origin = request.headers.get("origin", "")
    try:
        own = origin != "" and urlsplit(origin).netloc == request.headers.get("host")
    except ValueError:
        return False
    return own and request.headers.get("sec-fetch-site", "same-origin") == "same-origin"


async def read_ticket(request: Request) -> str | Response:
    """The ticket that a page of this app sends, or the answer to anything else."""
    if not is_own_page(request):
        return Response(status_code=403)
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > 1000:
            return Response(status_code=413)
    try:
        ticket = json.loads(raw)["ticket"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return Response(status_code=400)
    # JSON can have half a character in a text.
    if not isinstance(ticket, str) or not ticket.isascii():
        return Response(status_code=400)
    return ticket


async def open_session(request: Request) -> Response:
    """`POST /session`: exchanges the ticket of a login for the cookie."""
    ticket = await read_ticket(request)
    if isinstance(ticket, Response):
        return ticket
    old = request.cookies.get(cookie_name())
    redeemed = LOGINS.redeem(ticket, replaces=old)
    if redeemed is None:
        return Response(status_code=404)
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        cookie_name(),
        redeemed.handle,
        max_age=int(IDLE_SECONDS) if redeemed.remember else None,
        path="/",
        secure=settings().is_https,
        httponly=True,
        samesite="strict",
    )
    return answer


async def close_session(request: Request) -> Response:
    """`DELETE /session`: takes the cookie away after a logout."""
    if not is_own_page(request):
        return Response(status_code=403)
    answer = Response(status_code=204, headers={"Cache-Control": "no-store"})
    answer.delete_cookie(
        cookie_name(), path="/", secure=settings().is_https, httponly=True, samesite="strict"
    )
    return answer


async def go_to_provider(request: Request) -> Response:
    """`POST /sign-in`: exchanges the ticket of a sign-in for its cookie, and says where to go."""
    ticket = await read_ticket(request)
    if isinstance(ticket, Response):
        return ticket
    redeemed = SIGN_INS.redeem(ticket)
    if redeemed is None:
        return Response(status_code=404)
    handle, url = redeemed
    answer = JSONResponse({"url": url}, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        sign_in_cookie_name(),
        handle,
        max_age=int(SECONDS),
        path="/",
        secure=settings().is_https,
        httponly=True,
        # The provider's page leads back here, and only this lets the cookie come along.
        samesite="lax",
    )
    return answer


async def back_from_provider(request: Request) -> Response:
    """`GET /callback/{provider}`: keeps what the provider says, and leads to the page that goes on
    with it. So code and state are in the address of no page."""
    handle = request.cookies.get(sign_in_cookie_name()) or ""
    known = ("state", "code", "iss", "error")
    answer = {name: request.query_params[name] for name in known if name in request.query_params}
    if len(request.url.query) <= 8000 and answer.get("state"):
        SIGN_INS.answered(handle, request.path_params["provider"], answer)
    return RedirectResponse("/sign-in", status_code=303, headers={"Cache-Control": "no-store"})


async def mail_link(request: Request) -> Response:
    """Leads to the page that a mailed link means. The browser keeps the fragment, which holds the
    token, so that the token is in no URL that a server sees."""
    return RedirectResponse(MAIL_LINKS[request.url.path], status_code=303)


ROUTES = [
    Route("/session", open_session, methods=["POST"]),
    Route("/session", close_session, methods=["DELETE"]),
    Route("/sign-in", go_to_provider, methods=["POST"]),
    Route("/callback/{provider}", back_from_provider, methods=["GET"]),
    *(Route(path, mail_link, methods=["GET"]) for path in MAIL_LINKS),
]


class SecurityHeaders:
    """Keeps foreign pages from framing the app, and its addresses from foreign pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Adds the headers to an HTTP answer."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = "frame-ancestors 'none'; base-uri 'self'"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
            await send(message)

        await self._app(scope, receive, with_headers)
