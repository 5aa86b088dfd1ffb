"""A run of an exam: a few prompts, each prepared, spoken and handed in."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from .prompts import Prompt, of_level

#: How long the browser has to send what was typed once the time is up, in seconds.
SEND_SECONDS = 5.0
#: How long it has to send a recording that was running, in seconds.
SEND_RECORDING_SECONDS = 30.0
#: How long to wait before an answer that could not be handed in is tried again, in seconds.
RETRY_SECONDS = 10.0


@dataclass(slots=True)
class Run:
    """Where a student is in an exam. It belongs to `user_id`, and to one tab."""

    user_id: str
    prompts: tuple[Prompt, ...]
    index: int = 0
    #: `ready`, `prepare`, `speak`, or `over` from when the time is up until it is handed in
    phase: str = "ready"
    #: when the phase began, by the monotonic clock
    since: float = 0.0
    #: what was typed so far, in case the page is left and comes back
    draft: str = ""
    #: what the browser said when the time was up: whether a recording was running
    was_recording: bool | None = None
    #: when handing in by itself was tried last, by the monotonic clock
    tried_at: float | None = None
    run_id: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def prompt(self) -> Prompt | None:
        """The prompt that it is at; `None` at the end."""
        return self.prompts[self.index] if self.index < len(self.prompts) else None

    def begin(self, phase: str) -> None:
        """Goes on to a phase."""
        self.phase, self.since = phase, time.monotonic()

    def is_at(self, prompt: Prompt, *phases: str) -> bool:
        """Whether the run is at `prompt`, in one of `phases`. A button that was drawn for another step
        may still be pressed: a second press comes before the browser has the next page."""
        return self.prompt is prompt and self.phase in phases

    def passed(self) -> float:
        """The seconds since the phase began."""
        return time.monotonic() - self.since

    def left(self) -> float:
        """The seconds that the phase has left; 0 when it is over."""
        prompt = self.prompt
        if prompt is None or self.phase not in ("prepare", "speak"):
            return 0.0
        total = prompt.preparation if self.phase == "prepare" else prompt.speaking
        return max(0.0, total - self.passed())

    def tick(self) -> bool:
        """Goes on to the next phase if the time of this one is up, and returns whether it did. A prompt
        that was not begun has no time: a late tick for the one before does not end it."""
        if self.phase not in ("prepare", "speak") or self.left() > 0:
            return False
        self.begin("speak" if self.phase == "prepare" else "over")
        return True

    def spoken(self) -> int:
        """The whole seconds that were spoken, at most the speaking time."""
        prompt = self.prompt
        if prompt is None:
            return 0
        return prompt.speaking if self.phase == "over" else min(int(self.passed()), prompt.speaking)

    def is_due(self, *, has_recording: bool) -> bool:
        """Whether to hand in now by itself: the time is up, and all that was said and typed is here
        or does not come. Again after a while if that failed."""
        if self.phase != "over":
            return False
        if self.tried_at is not None:
            return time.monotonic() - self.tried_at > RETRY_SECONDS
        if self.was_recording is None:
            return self.passed() > SEND_SECONDS
        return has_recording or not self.was_recording or self.passed() > SEND_RECORDING_SECONDS

    def next(self) -> None:
        """Goes on to the next prompt."""
        self.index, self.phase, self.draft = self.index + 1, "ready", ""
        self.was_recording, self.tried_at = None, None


def start(user_id: str, level: str, count: int) -> Run:
    """A run of `count` prompts of a level, drawn at random."""
    drawn = secrets.SystemRandom().sample(of_level(level), count)
    return Run(user_id, tuple(drawn))
