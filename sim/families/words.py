"""Register maps written as text: a name, offset, reset value and writable bits per line, all hexadecimal."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Word", "words"]


@dataclass(frozen=True)
class Word:
    """One register."""

    offset: int
    reset: int
    mask: int


def words(text: str) -> dict[str, Word]:
    """Parse lines such as ``CR 00 00000063 150D0BFD``."""
    found = {}
    for line in text.split("\n"):
        if line.strip():
            name, *numbers = line.split()
            offset, reset, mask = (int(number, 16) for number in numbers)
            found[name] = Word(offset, reset, mask)
    return found
