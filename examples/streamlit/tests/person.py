"""Somebody who uses the app, by Streamlit's own test harness."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from streamlit.testing.v1 import AppTest

from admittance_client import Session
from simulator.logins import LOGINS
from simulator.web import MAIL_LINKS, cookie_name

APP = Path(__file__).resolve().parent.parent


class Tab:
    """A tab of the browser."""

    def __init__(self) -> None:
        self.app = AppTest.from_file(str(APP / "main.py"), default_timeout=120)
        self._run(self.app)

    def _run(self, at: AppTest) -> None:
        at.run()
        assert not at.exception, [error.message for error in at.exception]

    def open(self, page: str) -> Tab:
        """Goes to a page, such as `history`."""
        self._run(self.app.switch_page(f"views/{page}.py"))
        return self

    def type(self, **fields: str) -> Tab:
        """Fills in fields, by their keys, with a double underscore for the dot."""
        for name, value in fields.items():
            self.app.text_input(key=name.replace("__", ".")).input(value)
        return self

    def press(self, label: str) -> Tab:
        """Presses the button `label`."""
        button = next(button for button in self.app.button if button.label == label)
        button.click()
        return self.again()

    def again(self) -> Tab:
        """Lets the script run once more, as any act does."""
        self._run(self.app)
        return self

    @property
    def title(self) -> str:
        """The title of the page that is shown."""
        return str((self.app.title or self.app.header)[0].value)

    @property
    def buttons(self) -> list[str]:
        """The labels of the buttons."""
        return [button.label for button in self.app.button]

    @property
    def words(self) -> str:
        """All that is said on the page."""
        at = self.app
        alerts = (at.error, at.warning, at.info, at.success)
        groups = (at.title, *alerts, at.markdown, at.caption, at.text)
        said = [str(element.value) for group in groups for element in group]
        said += [expander.label for expander in at.expander]
        return "\n".join(said).replace("\\", "").replace("\u2060", "")

    def value(self, key: str) -> str:
        """What stands in a field."""
        return str(self.app.text_input(key=key).value)


class Person:
    """A person with one browser, whose cookies are in `jar`."""

    def __init__(self, jar: dict[str, str], links: list[tuple[str, str]]) -> None:
        self._jar, self.links = jar, links

    def tab(self) -> Tab:
        """Opens a tab, or reloads one: Streamlit knows no difference."""
        return Tab()

    def opens(self, link: str) -> Tab:
        """Opens a mailed link in a new tab."""
        path, token = urlsplit(link).path, link.split("#token=")[1]
        page = MAIL_LINKS[path].removeprefix("/")
        self.links.append((page, token))
        return Tab()

    def has(self, session: Session) -> None:
        """Puts the cookie of `session` into the browser, as the ticket's exchange does."""
        ticket = LOGINS.ticket(session, user_id=str(id(session)), remember=True)
        redeemed = LOGINS.redeem(ticket, replaces=self._jar.get(cookie_name()))
        assert redeemed is not None
        self._jar[cookie_name()] = redeemed.handle

    def takes_the_cookie_of(self, tab: Tab) -> None:
        """Exchanges the ticket that a login left in a tab, as the browser does."""
        redeemed = LOGINS.redeem(tab.app.session_state["ticket"], replaces=None)
        assert redeemed is not None
        self._jar[cookie_name()] = redeemed.handle
