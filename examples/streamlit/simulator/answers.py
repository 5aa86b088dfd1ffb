"""The answers, kept in SQLite and, where they were spoken, in files.

Every question for a student's answers names the user. Names of files are drawn at random here.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from .database import opened

#: The longest transcript, in characters.
MAX_TRANSCRIPT = 10_000
#: The longest comment of an examiner, in characters.
MAX_COMMENT = 2_000
#: The largest recording, in bytes.
MAX_RECORDING = 20 * 1024 * 1024

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    answer_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    student TEXT NOT NULL,
    prompt_id TEXT NOT NULL,
    level TEXT NOT NULL,
    transcript TEXT NOT NULL,
    has_recording INTEGER NOT NULL,
    seconds INTEGER NOT NULL,
    answered_at TEXT NOT NULL,
    grade TEXT,
    comment TEXT,
    examiner_id TEXT,
    examiner TEXT,
    graded_at TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS answers_of_user ON answers (user_id, answered_at);
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a prompt. `seconds` is how long it took; `grade` is a level, once given."""

    answer_id: str
    user_id: str
    student: str
    prompt_id: str
    level: str
    transcript: str
    has_recording: bool
    seconds: int
    answered_at: datetime
    grade: str | None
    comment: str | None
    examiner: str | None
    graded_at: datetime | None


class Answers:
    """The answers in the folder `data`, which nobody else on the machine can read."""

    def __init__(self, data: Path) -> None:
        self._data, self._recordings = data, data / "recordings"
        for folder in (data, self._recordings):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _database(self) -> AbstractContextManager[sqlite3.Connection]:
        return opened(self._data, _SCHEMA)

    def add(
        self,
        *,
        user_id: str,
        student: str,
        prompt_id: str,
        level: str,
        transcript: str,
        recording: bytes | None,
        seconds: int,
    ) -> str:
        """Keeps an answer and gives its id. Raises `ValueError`, with words for the person."""
        if not transcript.strip() and not recording:
            raise ValueError("Record your answer, or type what you said.")
        if len(transcript) > MAX_TRANSCRIPT:
            raise ValueError(f"Your text is longer than {MAX_TRANSCRIPT} characters. Shorten it.")
        if recording is not None:
            if len(recording) > MAX_RECORDING:
                raise ValueError("Your recording is too long. Record a shorter one.")
            if recording[:4] != b"RIFF" or recording[8:12] != b"WAVE":
                raise ValueError("Your recording cannot be read. Record it again, or type.")
        answer_id = secrets.token_hex(16)
        if recording is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(self._file(answer_id), flags, 0o600), "wb") as file:
                file.write(recording)
        row = (answer_id, user_id, student, prompt_id, level, transcript.strip())
        rest = (recording is not None, seconds, _now())
        with self._database() as database:
            database.execute(
                "INSERT INTO answers (answer_id, user_id, student, prompt_id, level, transcript,"
                " has_recording, seconds, answered_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, *rest),
            )
        return answer_id

    def of_user(self, user_id: str) -> list[Answer]:
        """A student's own answers, the newest first."""
        with self._database() as database:
            found = database.execute(
                "SELECT * FROM answers WHERE user_id = ? ORDER BY answered_at DESC, rowid DESC",
                (user_id,),
            )
            return [_answer(row) for row in found]

    def for_grading(self, *, graded: bool, limit: int = 100) -> list[Answer]:
        """Everybody's answers, those that have waited longest first. For examiners only."""
        with self._database() as database:
            found = database.execute(
                "SELECT * FROM answers WHERE (grade IS NOT NULL) = ?"
                " ORDER BY coalesce(graded_at, answered_at), rowid LIMIT ?",
                (graded, limit),
            )
            return [_answer(row) for row in found]

    def everything(self) -> list[Answer]:
        """All answers of all students, by name and time. For examiners only."""
        with self._database() as database:
            found = database.execute(
                "SELECT * FROM answers ORDER BY student COLLATE NOCASE, user_id, answered_at, rowid"
            )
            return [_answer(row) for row in found]

    def recording(self, answer: Answer) -> bytes | None:
        """What was recorded, as WAV."""
        if not answer.has_recording:
            return None
        try:
            return self._file(answer.answer_id).read_bytes()
        except FileNotFoundError:
            return None

    def grade(
        self, answer_id: str, *, grade: str, comment: str, examiner_id: str, examiner: str
    ) -> bool:
        """Grades an answer, also again. For examiners only. Whether there is such an answer."""
        with self._database() as database:
            changed = database.execute(
                "UPDATE answers SET grade = ?, comment = ?, examiner_id = ?, examiner = ?,"
                " graded_at = ? WHERE answer_id = ?",
                (grade, comment[:MAX_COMMENT], examiner_id, examiner, _now(), answer_id),
            )
            return changed.rowcount == 1

    def delete_user(self, user_id: str) -> None:
        """Removes all that is kept of a student."""
        for answer in self.of_user(user_id):
            self._file(answer.answer_id).unlink(missing_ok=True)
        with self._database() as database:
            database.execute("DELETE FROM answers WHERE user_id = ?", (user_id,))

    def _file(self, answer_id: str) -> Path:
        return self._recordings / f"{answer_id}.wav"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _answer(row: sqlite3.Row) -> Answer:
    graded_at = row["graded_at"]
    return Answer(
        row["answer_id"],
        row["user_id"],
        row["student"],
        row["prompt_id"],
        row["level"],
        row["transcript"],
        bool(row["has_recording"]),
        row["seconds"],
        datetime.fromisoformat(row["answered_at"]),
        row["grade"],
        row["comment"],
        row["examiner"],
        None if graded_at is None else datetime.fromisoformat(graded_at),
    )
