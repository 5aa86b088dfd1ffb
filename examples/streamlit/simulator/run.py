"""A run of an exam: a few prompts, each prepared, spoken and handed in."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from .prompts import Prompt, of_level


@dataclass(slots=True)
class Run:
    """Where a student is in an exam. It belongs to `user_id`, and to one tab."""

    user_id: str
    prompts: tuple[Prompt, ...]
    index: int = 0
    #: `ready`, `prepare` or `speak`
    phase: str = "ready"
    #: when the phase began, by the monotonic clock
    since: float = 0.0
    #: what was typed so far, in case the page is left and comes back
    draft: str = ""
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def prompt(self) -> Prompt | None:
        """The prompt that it is at; `None` at the end."""
        return self.prompts[self.index] if self.index < len(self.prompts) else None

    def begin(self, phase: str) -> None:
        """Goes on to a phase."""
        self.phase, self.since = phase, time.monotonic()

    def passed(self) -> float:
        """The seconds since the phase began."""
        return time.monotonic() - self.since

    def left(self) -> int:
        """The whole seconds that the phase has left; 0 when it is over."""
        prompt = self.prompt
        if prompt is None or self.phase == "ready":
            return 0
        total = prompt.preparation if self.phase == "prepare" else prompt.speaking
        return max(0, -int(-(total - self.passed()) // 1))

    def next(self) -> None:
        """Goes on to the next prompt."""
        self.index, self.phase, self.draft = self.index + 1, "ready", ""


def start(user_id: str, level: str, count: int) -> Run:
    """A run of `count` prompts of a level, drawn at random."""
    drawn = secrets.SystemRandom().sample(of_level(level), count)
    return Run(user_id, tuple(drawn))
