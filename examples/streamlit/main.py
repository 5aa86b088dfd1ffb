"""The script that Streamlit runs for each tab, at every turn."""

from __future__ import annotations

import streamlit as st

from simulator import gate, parts, providers, watch
from simulator.callback import one_run
from simulator.login_form import show_login
from simulator.style import set_style
from simulator.web import MAIL_LINKS

EXAM, LOGIN = "views/exam.py", "views/login.py"
LINKED = {path.removeprefix("/") for path in MAIL_LINKS.values()}


def main() -> None:
    """Finds out who is there, and shows the page that they asked for."""
    st.set_page_config(page_title="Speaking exam", page_icon=":material/record_voice_over:")
    set_style()
    with st.container(key="unseen"):
        gate.take_link()
    access = gate.enter()
    roles = access.profile.roles if access else ()
    # What is offered goes by the profile; what may be done is asked at the page itself.
    grades = "examiner" in roles or "admin" in roles
    teaches = any(role != "student" for role in roles)

    private = [
        _page(EXAM, "Take an exam", "mic", "exam", access is not None, default=True),
        _page("views/history.py", "My answers", "history", "history", access is not None),
        _page("views/grading.py", "Grade answers", "grading", "grading", grades),
        _page("views/teacher.py", "For teachers", "school", "teacher", teaches),
        _page("views/preferences.py", "Preferences", "tune", "preferences", access is not None),
        _page("views/account.py", "Account", "person", "account", access is not None),
        _page("views/devices.py", "Devices", "devices", "devices", access is not None),
    ]
    public = [
        _page(LOGIN, "Log in", "login", "login", access is None),
        _page("views/register.py", "Register", "person_add", "register", access is None),
        _page("views/forgot.py", "Forgotten password", "help", "forgot", access is None),
        _page("views/verify.py", "Confirm your address", "mark_email_read", "verify", True),
        _page("views/reset.py", "New password", "key", "reset", False),
        _page("views/confirm_email.py", "Confirm the new address", "mail", "confirm-email", False),
        _page("views/disown.py", "This was not me", "block", "disown", False),
        _page("views/sign_in.py", "Continue", "passkey", "sign-in", False),
    ]
    if access is not None and access.profile.is_verified:
        public[3] = _page(
            "views/verify.py", "Confirm your address", "mark_email_read", "verify", False
        )
    page = st.navigation([*private, *public])
    wanted = gate.led_to(page.url_path)
    if wanted in LINKED:
        st.switch_page(next(other for other in public if other.url_path == wanted))
    parts.end_with(page)
    if page.url_path != "sign-in":
        st.session_state.pop("go_on", None)
    if access is not None:
        with st.sidebar:
            st.caption("Logged in as")
            st.text(access.profile.name)
            st.button("Log out", icon=":material/logout:", on_click=gate.log_out)
    if access is not None and page in public[:3]:
        st.switch_page(EXAM)
    with st.container(key="unseen-cookie"):
        gate.move_cookie()
        providers.leave()
    with st.container(key="unseen-watch"):
        # On other pages every act finds out, and an exam has a clock of its own.
        if page.url_path == "verify":
            watch.show_new_roles()
    with st.container(key="account"):
        gate.show_account()
    # Always there, so that nothing below it is drawn anew for a notice: tabs would forget which of
    # them is open.
    with st.container(key="notices"):
        gate.show_notices()
    if access is None and page in private:
        show_login()
    else:
        page.run()


def _page(
    path: str, title: str, icon: str, url_path: str, shown: bool, *, default: bool = False
) -> st.Page:
    return st.Page(
        path,
        title=title,
        icon=f":material/{icon}:",
        url_path=None if default else url_path,
        default=default,
        visibility="visible" if shown else "hidden",
    )


with one_run():
    main()
