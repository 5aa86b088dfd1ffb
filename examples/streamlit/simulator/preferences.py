"""What a student prefers, kept in the profile on the account server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .prompts import LEVELS

MAX_PROMPTS = 4
DEFAULT_LEVEL = "B1"
DEFAULT_PROMPTS = 2


@dataclass(frozen=True, slots=True)
class Preferences:
    """The level aimed at, and how many prompts a session has, 1 to `MAX_PROMPTS`."""

    level: str
    prompts: int

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Preferences:
        """The preferences of a profile; what is missing or odd is the default."""
        level, prompts = kept.get("level"), kept.get("prompts_per_session")
        return cls(
            level if level in LEVELS else DEFAULT_LEVEL,
            prompts
            if isinstance(prompts, int) and prompts in range(1, MAX_PROMPTS + 1)
            else DEFAULT_PROMPTS,
        )

    def patch(self) -> dict[str, Any]:
        """The change of the profile's preferences to these: others in it are somebody else's."""
        return {"level": self.level, "prompts_per_session": self.prompts}
