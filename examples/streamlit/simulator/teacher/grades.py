"""The grades as a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from ..answers import Answer
from ..prompts import BY_ID

HEAD = ("Student", "Address", "Level", "Prompt", "Answered", "Grade", "Comment", "Examiner")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what begins like one, also behind spaces,
    gets an apostrophe in front (OWASP, CSV injection)."""
    text = cell.replace("\x00", "")
    starts = text.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    return f"'{text}" if starts or text.startswith(("\t", "\r", "\n")) else text


def grades_csv(answers: Iterable[Answer], addresses: Mapping[str, str]) -> bytes:
    """The answers with their grades as CSV: UTF-8 with a byte order mark, by which Excel knows it.
    `addresses` are those of the students, by their `user_id`."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow(HEAD)
    for answer in answers:
        prompt = BY_ID.get(answer.prompt_id)
        row = (
            answer.student,
            addresses.get(answer.user_id, ""),
            answer.level,
            prompt.title if prompt else answer.prompt_id,
            answer.answered_at.strftime("%Y-%m-%d %H:%M"),
            answer.grade or "",
            answer.comment or "",
            answer.examiner or "",
        )
        table.writerow([harmless(cell) for cell in row])
    # Half a character in a text cannot be written.
    return text.getvalue().encode("utf-8-sig", "replace")
