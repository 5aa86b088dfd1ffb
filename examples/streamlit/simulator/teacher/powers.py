"""What somebody may do to other accounts, by the account server."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from admittance_client import (
    AdmittanceError,
    Forbidden,
    NotFound,
    Session,
    SessionEnded,
    Unavailable,
)

from .. import gate

_NOBODY = "0" * 24


@dataclass(frozen=True, slots=True)
class Powers:
    """Which of the permissions for teachers somebody has: to see accounts, to invite, to change
    roles, and to grade."""

    see: bool
    invite: bool
    appoint: bool
    grade: bool

    @property
    def any(self) -> bool:
        """Whether there is one at all."""
        return self.see or self.invite or self.appoint or self.grade


def powers() -> Powers:
    """The powers of the user. The server is asked once for the roles that they have, and again when
    these change; every act is judged by the server in any case."""
    access = gate.live_user()
    asked = (access.profile.user_id, access.profile.roles)
    kept = st.session_state.get("powers")
    if kept is None or kept[0] != asked:
        kept = st.session_state["powers"] = (asked, _ask(access.session))
    found: Powers = kept[1]
    return found


def _ask(session: Session) -> Powers:
    # The contract has no list of permissions. None of these can do anything: who may not is told
    # `forbidden`, and who may is told that nobody is named.
    see = _may(session, "GET", "/admin/users?limit=1")
    return Powers(
        see=see,
        invite=_may(session, "POST", "/admin/users", {}),
        appoint=see and _may(session, "POST", f"/admin/users/{_NOBODY}/roles", {}, missing=True),
        grade=_may(session, "GET", "/grading"),
    )


def _may(
    session: Session,
    method: str,
    path: str,
    body: dict[str, str] | None = None,
    *,
    missing: bool = False,
) -> bool:
    """Whether a call is permitted. `missing` is what it means that there is no such thing: without
    `/admin`, or without mail, the server does not have the address at all."""
    try:
        session.call(method, path, body)
    except (SessionEnded, Unavailable):
        raise
    except Forbidden:
        return False
    except NotFound:
        return missing
    except AdmittanceError:
        return True
    return True
