"""The field for the token of a mailed link, which may also be pasted."""

from __future__ import annotations

from . import browser
from .forms import Form


def token_of(text: str) -> str:
    """The token in what a person pasted: the whole link, or the token alone."""
    return text.strip().rsplit("#token=", 1)[-1]


def link_field(form: Form, page: str) -> str:
    """Shows the field, unless the page was opened by the link itself. The token, or nothing."""
    token = browser.link_token(page)
    if token is None:
        form.text("Link or token from the mail", "token", autocomplete="off")
        token = token_of(form.value("token"))
    return token
