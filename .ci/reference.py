"""Fails when a table of the reference lacks a name of the code, or has one that the code lacks.

The names are those of a `named!` or `problems!` enum, or the public fields of a struct; a table has
them in its first column, and the codes of problems also their status.
"""

import http
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VARIANT = re.compile(r'^\s*[A-Z]\w* => "(\w+)"(?:, ([A-Z_]+),)?', re.M)
FIELD = re.compile(r"^    pub (\w+)():", re.M)
ROW = re.compile(r"^\| `(\w+)` \|\s*([^|]*?)\s*\|", re.M)
#: Statuses that Python calls otherwise.
OTHER_NAMES = {"PAYLOAD_TOO_LARGE": "REQUEST_ENTITY_TOO_LARGE"}

SETTINGS = {
    "src/config.rs": "AuthConfig BreachPolicy LimitPolicy LinkPolicy OnboardingPolicy UnverifiedExpiry",
    "src/config/session.rs": "SessionPolicy SessionLifetime",
    "src/password/policy.rs": "PasswordPolicy",
    "src/password/config.rs": "HashingConfig",
    "src/http/config.rs": "HttpConfig",
    "src/mail/config.rs": "MailConfig MailPaths",
}
#: The declaration, its file and end, what a name is there, and the page and heading of its table.
TABLES = [
    ("problems!", "src/http/problem_code.rs", "\n}\n", VARIANT, "docs/errors.md", "# Errors"),
    ("pub enum Operation", "src/event.rs", "\n    }\n", VARIANT, "docs/events.md", "## Operations"),
    ("pub enum Notice", "src/event.rs", "\n    }\n", VARIANT, "docs/events.md", "## Notices"),
    ("pub enum MailKind", "src/mail/kind.rs", "\n    }\n", VARIANT, "docs/events.md", "## Mails"),
    *(
        (f"pub struct {name}", source, "\n}\n", FIELD, "docs/configuration.md", f"## {name}")
        for source, names in SETTINGS.items()
        for name in names.split()
    ),
]


def between(text: str, start: str, end: str) -> str:
    """What follows the line that begins with `start`, up to the next `end`."""
    found = re.search(rf"^\s*{re.escape(start)}( \{{)?$", text, re.M)
    if found is None:
        sys.exit(f"`{start}` is not there any more")
    return text[found.end() :].split(end)[0]


def status_of(name: str) -> str:
    return str(http.HTTPStatus[OTHER_NAMES.get(name, name)].value)


wrong: list[str] = []
total = 0
for declared, source, end, name_of, page, heading in TABLES:
    code = (ROOT / source).read_text(encoding="utf-8")
    variants = name_of.findall(between(code, declared, end))
    rows = ROW.findall(between((ROOT / page).read_text(encoding="utf-8"), heading, "\n## "))
    if not variants or not rows:
        wrong.append(f"{source} or {page}: no names were found for `{declared}`")
    total += len(variants)
    names, listed = [name for name, _ in variants], [name for name, _ in rows]
    wrong += [f"{page}, {heading}: {name} is missing" for name in names if name not in listed]
    wrong += [f"{page}, {heading}: {name} is not in {source}" for name in listed if name not in names]
    wrong += [f"{page}, {heading}: {name} is there twice" for name in set(listed) if listed.count(name) > 1]
    said = dict(rows)
    for name, status in variants:
        if status and said.get(name) not in (None, status_of(status)):
            wrong.append(f"{page}: {name} has the status {status_of(status)}, not {said[name]}")

print(f"{total} names of {len(TABLES)} tables")
sys.exit("\n".join(wrong) or None)
