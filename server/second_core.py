"""Chips with two cores: the one that is debugged is behind the first access port; of the other the user is told.

The access ports: RM0399 (STM32H745 to H757) and RM0453 (STM32WL5x), the chapters on debug.
"""

from __future__ import annotations

import re

__all__ = ["second_core"]

_SENTENCES = (
    (r"STM32H7[45][57]", "Second core: the Cortex-M4 behind access port 3 is not reached, the Cortex-M7 is."),
    (
        r"STM32H742 to H757",
        "Second core: on an H745, H747, H755 or H757 the Cortex-M4 behind access port 3 is not reached.",
    ),
    (r"STM32WL5", "Second core: the Cortex-M0+ behind access port 1 is not reached, the Cortex-M4 is."),
)


def second_core(name: str) -> tuple[str, ...]:
    """A line about the core that is not reached; none where the chip has one core, or the other is closed (WB)."""
    return next(((sentence,) for pattern, sentence in _SENTENCES if re.match(pattern, name)), ())
