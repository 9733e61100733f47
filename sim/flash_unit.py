"""What board, probe and cable ask of the flash controller of any family."""

from __future__ import annotations

from typing import Protocol

from .chip import ChipModel
from .errors import SelectorError

__all__ = ["FlashUnit", "check_pages"]


class FlashUnit(Protocol):
    """A chip's flash controller, all banks."""

    open_lock_refuses_keys: bool

    @property
    def hides_flash(self) -> bool:
        """True while read protection refuses a debugger's reads of the array."""

    @property
    def debug_disabled(self) -> bool:
        """True at the protection level that closes the debug port for ever."""

    def content_given(self) -> None:
        """The array was filled from outside: as if it had been so when power came."""

    def ready_at(self, address: int, length: int, *, writing: bool) -> int:
        """Picosecond until which the bus stalls an access there; 0 when it does not."""


def check_pages(chip: ChipModel, first: int, last: int, count: int) -> None:
    """Raise SelectorError unless ``first`` to ``last`` are pages (or sectors) of a chip that has ``count``."""
    if not first <= last < count:
        raise SelectorError(f"The pages {first} to {last} cannot be protected: {chip.name} has {count}.")
