"""A journey with the client that openapi-python-client makes of the document: BASE bearer|cookie."""

import sys
import time

from accounts_client import AuthenticatedClient, Client
from accounts_client.api.account import patch_profile, profile as get_profile, register
from accounts_client.api.sessions import list_sessions, login, logout, refresh
from accounts_client.models import (
    EmailTakenProblem,
    InvalidCredentialsProblem,
    InvalidTokenProblem,
    LoginRequest,
    LoginResponse,
    LoginResponseWithCookies,
    LogoutResponse,
    PatchProfile,
    Preferences,
    Profile,
    RefreshRequest,
    RegisterRequest,
    RegisterResponse,
    RegisterResponseWithCookies,
    SessionList,
    ValidationFailedProblem,
)
from accounts_client.models.login_admittance_session import LoginAdmittanceSession
from accounts_client.models.register_admittance_session import RegisterAdmittanceSession
from accounts_client.types import UNSET, Unset

EMAIL = "clara-{}-{}@example.org"
PASSWORD = "plum-Orbit-47-lantern"


def main(base: str, way: str) -> None:
    in_cookies = way == "cookie"
    email = EMAIL.format(way, time.time_ns())
    # Keeps cookies, and sends what a page of the server sends.
    headers = {"Origin": base} if in_cookies else {}
    client: Client | AuthenticatedClient = Client(base_url=base, headers=headers)
    asked = LoginAdmittanceSession.COOKIE if in_cookies else UNSET
    registering = RegisterAdmittanceSession.COOKIE if in_cookies else UNSET

    def wanted(password: str) -> RegisterRequest:
        return RegisterRequest(email=email, password=password, confirm_password=password, name="Clara")

    weak = register.sync(client=client, body=wanted("12345678"), admittance_session=registering)
    assert isinstance(weak, ValidationFailedProblem), weak
    assert [error.field for error in weak.errors] == ["password"], weak
    registered = register.sync(client=client, body=wanted(PASSWORD), admittance_session=registering)
    assert isinstance(registered, RegisterResponseWithCookies if in_cookies else RegisterResponse), registered
    taken = register.sync(client=client, body=wanted(PASSWORD), admittance_session=registering)
    assert isinstance(taken, EmailTakenProblem), taken

    def attempt(password: str) -> LoginRequest:
        return LoginRequest(email=email, password=password, remember=None)

    wrong = login.sync(client=client, body=attempt("wrong"), admittance_session=asked)
    assert isinstance(wrong, InvalidCredentialsProblem), wrong
    opened = login.sync(client=client, body=attempt(PASSWORD), admittance_session=asked)
    body: RefreshRequest | Unset = UNSET
    if isinstance(opened, LoginResponse):
        client = AuthenticatedClient(base_url=base, token=opened.token)
        body = RefreshRequest(refresh_token=opened.refresh_token)
    else:
        assert isinstance(opened, LoginResponseWithCookies), opened
        # The session is in the cookies, in place of a token.
        kept = client.get_httpx_client()
        client = AuthenticatedClient(base_url=base, token="").set_httpx_client(kept)

    preferences = Preferences.from_dict({"level": "B2"})
    changed = patch_profile.sync(client=client, body=PatchProfile(preferences=preferences))
    assert isinstance(changed, Profile), changed
    profile = get_profile.sync(client=client)
    assert isinstance(profile, Profile) and profile.preferences["level"] == "B2", profile
    sessions = list_sessions.sync(client=client)
    assert isinstance(sessions, SessionList) and any(one.current for one in sessions.sessions), sessions
    renewed = refresh.sync(client=client, body=body)
    assert isinstance(renewed, LoginResponseWithCookies if in_cookies else LoginResponse), renewed
    if isinstance(renewed, LoginResponse):
        client = AuthenticatedClient(base_url=base, token=renewed.token)
    out = logout.sync(client=client)
    assert isinstance(out, LogoutResponse), out
    gone = get_profile.sync(client=client)
    assert isinstance(gone, InvalidTokenProblem), gone
    print(f"openapi-python-client, {way}: register, field error, login, profile, sessions, refresh, logout")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
