"""The sign-ins that are under way: each is for one browser, once and in time."""

from __future__ import annotations

from admittance_client import Started
from simulator.sign_ins import SECONDS, SignIn, SignIns

ANSWER = {"state": "s", "code": "c"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def begun(provider: str = "oidc") -> SignIn:
    return SignIn(provider, "School", Started("https://school.example/auth?a=1&state=s", 600, "flow"))


def handle_of(sign_ins: SignIns, sign_in: SignIn) -> str:
    redeemed = sign_ins.redeem(sign_ins.begin(sign_in))
    assert redeemed is not None
    return redeemed[0]


def test_a_ticket_and_a_handle_are_good_once() -> None:
    sign_ins, sign_in = SignIns(), begun()
    ticket = sign_ins.begin(sign_in)
    redeemed = sign_ins.redeem(ticket)
    assert redeemed is not None and redeemed[1] == "https://school.example/auth?a=1&state=s"
    assert sign_ins.redeem(ticket) is None
    handle = redeemed[0]
    assert sign_ins.take(handle) is None, "the provider has not answered yet"
    assert sign_ins.answered(handle, "oidc", ANSWER)
    assert sign_ins.take(handle) is sign_in and sign_in.answer == ANSWER
    assert sign_ins.take(handle) is None


def test_an_answer_is_for_the_browser_and_the_provider_that_it_began_with() -> None:
    sign_ins, sign_in = SignIns(), begun()
    handle = handle_of(sign_ins, sign_in)
    assert not sign_ins.answered("made-up", "oidc", ANSWER)
    assert not sign_ins.answered(handle, "elsewhere", ANSWER)
    # Led here by a page that knows no state, or one of its own.
    for state in ("", "t", "s s"):
        assert not sign_ins.answered(handle, "oidc", {"state": state, "code": "c"})
    assert sign_ins.take(handle) is None and not sign_in.answer


def test_what_took_too_long_is_forgotten() -> None:
    clock = Clock()
    sign_ins = SignIns(clock=clock)
    ticket, handle = sign_ins.begin(begun()), handle_of(sign_ins, begun())
    sign_ins.answered(handle, "oidc", ANSWER)
    clock.now = SECONDS
    assert sign_ins.redeem(ticket) is None and sign_ins.take(handle) is None
    handle = handle_of(sign_ins, begun())
    clock.now = 2 * SECONDS
    assert not sign_ins.answered(handle, "oidc", ANSWER)


def test_there_are_never_too_many() -> None:
    sign_ins = SignIns(capacity=2)
    first, second, third = (sign_ins.begin(begun()) for _ in range(3))
    assert sign_ins.redeem(first) is None
    assert sign_ins.redeem(second) is not None and sign_ins.redeem(third) is not None
