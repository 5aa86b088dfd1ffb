"""Signing in with a provider: the client against the server, and the pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from example_server import OTHER_PASSWORD, PASSWORD, ExampleServer
from person import Person, Tab
from provider import ProviderServer, visit

from admittance_client import (
    Conflict,
    InvalidFlow,
    LinkRequired,
    ProofRequired,
    ProviderDenied,
    ProviderUnavailable,
    RecentLoginRequired,
    Session,
    SignedIn,
    Waiting,
)
from simulator import browser
from simulator.sign_ins import SIGN_INS
from simulator.web import sign_in_cookie_name

REDIRECT_URI = "http://localhost:8501/callback/oidc"


class World:
    """A provider, and an account server that signs people in with it."""

    def __init__(self, **environment: str) -> None:
        self.provider = ProviderServer(REDIRECT_URI)
        settings = self.provider.settings(REDIRECT_URI)
        # The server's own pages are elsewhere: what is allowed is what the variable names.
        self.server = ExampleServer("http://127.0.0.1:8502", **{**settings, **environment})

    def sign_in(self, sub: str) -> SignedIn | Waiting:
        """Signs in by the client."""
        client = self.server.client()
        started = client.start_login("oidc", redirect_uri=REDIRECT_URI)
        answer = visit(started.authorization_url, sub, REDIRECT_URI)
        return client.finish_login("oidc", answer, flow=started.flow)

    def stop(self) -> None:
        self.server.stop()
        self.provider.stop()


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.stop()


@pytest.fixture(scope="module")
def believing() -> Iterator[World]:
    """A server that believes the provider, and wants other addresses confirmed first."""
    world = World(OIDC_TRUSTED_DOMAINS="school.example", REGISTRATION="verify-first")
    yield world
    world.stop()


@pytest.fixture
def server(world: World) -> ExampleServer:
    """That of `person`."""
    return world.server


class Traveller:
    """A person's way to the provider and back."""

    def __init__(self, world: World, jar: dict[str, str]) -> None:
        self.world, self.jar = world, jar

    def goes(self, tab: Tab, sub: str, press: str = "Continue with School") -> Tab:
        """Presses the button, chooses `sub` there, and is back in a page that is loaded anew."""
        tab.press(press)
        redeemed = SIGN_INS.redeem(tickets.pop())
        assert redeemed is not None
        self.jar[sign_in_cookie_name()], url = redeemed
        self.comes_back(visit(url, sub, REDIRECT_URI))
        return Tab().open("sign_in")

    def comes_back(self, answer: dict[str, str]) -> bool:
        return SIGN_INS.answered(self.jar.get(sign_in_cookie_name(), ""), "oidc", answer)


tickets: list[str] = []


@pytest.fixture
def traveller(
    world: World, person: Person, jar: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> Traveller:
    tickets.clear()
    monkeypatch.setattr(browser, "go_to_provider", tickets.append)
    return Traveller(world, jar)


# The client.


def test_the_first_time_makes_an_account_and_again_it_is_the_same(world: World) -> None:
    assert [(p.id, p.name) for p in world.server.client().providers()] == [("oidc", "School")]
    sub, email = world.provider.person()
    first, again = world.sign_in(sub), world.sign_in(sub)
    assert isinstance(first, SignedIn) and isinstance(again, SignedIn)
    assert (first.created, again.created) == (True, False)
    assert first.opened.user_id == again.opened.user_id
    profile = world.server.client().session(first.opened.tokens).profile()
    assert (profile.email, profile.name, profile.is_verified) == (email, "Ann Lee", False)


def test_a_server_without_providers_offers_none(own_server: ExampleServer) -> None:
    assert own_server.client().providers() == []


def test_an_answer_is_used_once_and_by_the_browser_that_began(world: World) -> None:
    sub, _ = world.provider.person()
    client = world.server.client()
    mine, theirs = (client.start_login("oidc", redirect_uri=REDIRECT_URI) for _ in range(2))
    answer = visit(theirs.authorization_url, sub, REDIRECT_URI)
    with pytest.raises(InvalidFlow):
        client.finish_login("oidc", answer, flow=mine.flow)
    started = client.start_login("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, sub, REDIRECT_URI)
    client.finish_login("oidc", answer, flow=started.flow)
    with pytest.raises(InvalidFlow):
        client.finish_login("oidc", answer, flow=started.flow)


def test_who_cancels_is_denied(world: World) -> None:
    with pytest.raises(ProviderDenied):
        world.sign_in("")


def test_a_provider_that_is_down_is_told_apart(world: World) -> None:
    sub, _ = world.provider.person()
    client = world.server.client()
    started = client.start_login("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, sub, REDIRECT_URI)
    world.provider.down()
    try:
        with pytest.raises(ProviderUnavailable) as down:
            client.finish_login("oidc", answer, flow=started.flow)
    finally:
        world.provider.up()
    assert down.value.retry_after


def test_an_account_with_the_address_is_connected_by_its_password(world: World) -> None:
    email, opened = world.server.register()
    sub, _ = world.provider.person(email)
    with pytest.raises(LinkRequired) as required:
        world.sign_in(sub)
    assert required.value.ticket and required.value.expires_in > 0
    assert not required.value.can_start_anew
    client = world.server.client()
    with pytest.raises(ProofRequired):
        client.link_identity(required.value.ticket)
    done = client.link_identity(required.value.ticket, current_password=PASSWORD)
    assert done.opened.user_id == opened.user_id
    again = world.sign_in(sub)
    assert isinstance(again, SignedIn) and again.opened.user_id == opened.user_id


def test_a_session_connects_lists_proves_and_disconnects(world: World) -> None:
    session = world.server.student()
    sub, email = world.provider.person()
    started = session.start_link("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, sub, REDIRECT_URI)
    old = session.tokens
    session.finish("oidc", answer, flow=started.flow)
    assert session.tokens is not old
    identity, = session.identities()
    assert (identity.provider, identity.email) == ("oidc", email)
    started = session.start_reauthentication("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, sub, REDIRECT_URI)
    session.finish("oidc", answer, flow=started.flow)
    session.unlink_identity(identity.identity_id)
    assert session.identities() == []


def test_the_last_way_in_stays(world: World) -> None:
    sub, _ = world.provider.person()
    opened = world.sign_in(sub)
    assert isinstance(opened, SignedIn)
    session = world.server.client().session(opened.opened.tokens)
    identity, = session.identities()
    # What the provider remembers is no proof of now.
    with pytest.raises(RecentLoginRequired):
        session.unlink_identity(identity.identity_id)
    started = session.start_reauthentication("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, sub, REDIRECT_URI)
    session.finish("oidc", answer, flow=started.flow)
    with pytest.raises(Conflict) as last:
        session.unlink_identity(identity.identity_id)
    assert last.value.code == "last_credential"


def test_a_registration_that_waits_is_completed_by_link_and_ticket(believing: World) -> None:
    sub, email = believing.provider.person("ann@elsewhere.example")
    waiting = believing.sign_in(sub)
    assert isinstance(waiting, Waiting)
    token = believing.server.mailed_token(email, "/email/verify")
    client = believing.server.client()
    with pytest.raises(ProofRequired):
        client.verify_email(token)
    client.verify_email(token, ticket=waiting.ticket)
    again = believing.sign_in(sub)
    assert isinstance(again, SignedIn) and again.opened.is_verified


# The pages.


def test_a_person_continues_with_the_provider(world: World, traveller: Traveller) -> None:
    sub, email = world.provider.person()
    tab = traveller.goes(Tab().open("register"), sub)
    assert tab.title == "Take an exam"
    assert "Your account is made." in tab.words and email in tab.words
    again = traveller.goes(Tab(), sub)
    assert "You are logged in with School." in again.words


def test_the_flow_is_in_no_tab_and_no_text(world: World, traveller: Traveller) -> None:
    sub, _ = world.provider.person()
    tab = Tab().press("Continue with School")
    redeemed = SIGN_INS.redeem(tickets.pop())
    assert redeemed is not None
    handle, url = redeemed
    traveller.jar[sign_in_cookie_name()] = handle
    traveller.comes_back(visit(url, sub, REDIRECT_URI))
    sign_in = SIGN_INS.take(handle)
    assert sign_in is not None and sign_in.started.flow
    for text in (repr(tab.app.session_state), repr(sign_in), url):
        assert sign_in.started.flow not in text and sign_in.answer["code"] not in text


def test_an_answer_without_the_browser_that_began_logs_nobody_in(
    world: World, traveller: Traveller, jar: dict[str, str]
) -> None:
    mallory, _ = world.provider.person()
    client = world.server.client()
    started = client.start_login("oidc", redirect_uri=REDIRECT_URI)
    answer = visit(started.authorization_url, mallory, REDIRECT_URI)
    # The victim's browser is led to the callback, with and without a sign-in of its own.
    assert not traveller.comes_back(answer)
    assert Tab().open("sign_in").title == "Not logged in"
    Tab().press("Continue with School")
    redeemed = SIGN_INS.redeem(tickets.pop())
    assert redeemed is not None
    jar[sign_in_cookie_name()] = redeemed[0]
    # Nor does it spoil the sign-in that the victim has begun.
    assert not traveller.comes_back(answer)
    tab = Tab().open("sign_in")
    assert tab.title == "Not logged in" and "begun in another browser" in tab.words
    theirs, _ = world.provider.person()
    assert traveller.comes_back(visit(redeemed[1], theirs, REDIRECT_URI))
    assert Tab().open("sign_in").title == "Take an exam"


def test_who_cancels_is_told_so(world: World, traveller: Traveller) -> None:
    tab = traveller.goes(Tab(), "")
    assert tab.title == "Not logged in" and "You stopped at School" in tab.words


def test_an_address_that_no_account_can_have_counts_as_none_and_is_told(
    world: World, traveller: Traveller
) -> None:
    sub, _ = world.provider.person("ann@-school.example")
    tab = traveller.goes(Tab(), sub)
    assert tab.title == "Not logged in"
    assert "No account was made. The provider has given no email address." in tab.words


def test_a_provider_that_is_down_is_told_and_the_password_goes_on(
    world: World, traveller: Traveller
) -> None:
    email, _ = world.server.register()
    sub, _ = world.provider.person()
    tab = Tab().press("Continue with School")
    redeemed = SIGN_INS.redeem(tickets.pop())
    assert redeemed is not None
    traveller.jar[sign_in_cookie_name()] = redeemed[0]
    traveller.comes_back(visit(redeemed[1], sub, REDIRECT_URI))
    world.provider.down()
    try:
        tab = Tab().open("sign_in")
        assert "School does not answer." in tab.words
        tab = Tab().type(login__email=email, login__password=PASSWORD).press("Log in")
    finally:
        world.provider.up()
    assert tab.title == "Take an exam"


def test_an_account_with_the_address_asks_for_its_password(
    world: World, traveller: Traveller
) -> None:
    email, _ = world.server.register("Bob")
    sub, _ = world.provider.person(email)
    tab = traveller.goes(Tab(), sub)
    assert tab.title == "You have an account already"
    assert "Remove it and start anew" not in tab.buttons
    tab.type(link__current_password=OTHER_PASSWORD).press("Connect and log in")
    assert "This is not the password of that account." in tab.words
    tab.type(link__current_password=PASSWORD).press("Connect and log in")
    assert tab.title == "Take an exam" and email in tab.words


def test_the_account_connects_and_disconnects(
    world: World, traveller: Traveller, person: Person
) -> None:
    session: Session = world.server.student()
    person.has(session)
    sub, email = world.provider.person()
    tab = traveller.goes(Tab().open("account"), sub, "Connect School")
    assert tab.title == "Account" and "School has confirmed who you are." in tab.words
    assert f"**School** · {email}" in tab.words and "Connect School" not in tab.buttons
    tab.open("account").press("Disconnect")
    assert "School is disconnected." in tab.words and "Connect School" in tab.buttons


def test_the_last_way_in_is_explained(
    world: World, traveller: Traveller, person: Person
) -> None:
    sub, _ = world.provider.person()
    tab = traveller.goes(Tab(), sub)
    person.takes_the_cookie_of(tab)
    tab = Tab().open("account").press("Disconnect")
    assert "Confirm that it is you" in tab.words
    tab = traveller.goes(tab, sub).open("account").press("Disconnect")
    assert "This is the only way into your account" in tab.words


def test_an_answer_for_another_session_connects_nothing(
    world: World, traveller: Traveller, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.has(world.server.student("Mallory"))
    sub, _ = world.provider.person()
    Tab().open("account").press("Connect School")
    redeemed = SIGN_INS.redeem(tickets.pop())
    assert redeemed is not None
    traveller.jar[sign_in_cookie_name()] = redeemed[0]
    traveller.comes_back(visit(redeemed[1], sub, REDIRECT_URI))
    theirs = world.server.student("Bob")
    person.has(theirs)
    # The server would refuse it; it is not even asked.
    monkeypatch.setattr(Session, "finish", lambda *_, **__: pytest.fail("it was sent"))
    assert Tab().open("sign_in").title == "Nothing has changed"
    assert theirs.identities() == []


def test_a_registration_that_waits_takes_the_link(
    believing: World, traveller: Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMITTANCE_URL", believing.server.url)
    sub, email = believing.provider.person("kim@elsewhere.example")
    tab = traveller.goes(Tab(), sub)
    assert tab.title == "Look into your mailbox"
    tab.type(complete__token=believing.server.mailed_link(email, "/email/verify"))
    tab.press("Create the account")
    assert tab.title == "Take an exam" and email in tab.words


def test_an_address_that_nobody_confirmed_is_started_anew_with(
    traveller: Traveller, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = World(OIDC_TRUSTED_DOMAINS="school.example")
    try:
        monkeypatch.setenv("ADMITTANCE_URL", world.server.url)
        sub, email = world.provider.person(name="Ann Lee")
        squatter = world.server.client()
        squatter.register(
            email=email, password=OTHER_PASSWORD, confirm_password=OTHER_PASSWORD, name="Mallory"
        )
        tab = traveller.goes(Tab(), sub).press("Remove it and start anew")
        assert tab.title == "Take an exam" and "Ann Lee" in tab.words
    finally:
        world.stop()
