"""Shadow peripherals of which a debugger's read tells what is not modelled."""

from __future__ import annotations

from ..bus import Peripheral, Unmodelled

__all__ = ["StrictShadow"]


class StrictShadow(Peripheral):
    """A word that was never published is a register without a model. The core's reads of it see 0."""

    shadow = True

    def __init__(self) -> None:
        self._published: set[int] = set()

    def content_given(self) -> None:
        """See FlashUnit: nothing looks at the content."""

    def publish(self, offset: int, word: int) -> None:
        """See Peripheral."""
        self._published.add(offset)
        super().publish(offset, word)

    def read(self, offset: int, width: int) -> int:
        """See Peripheral."""
        if offset & ~3 not in self._published:
            raise Unmodelled(f"{self.name}: read of {width} bytes at offset 0x{offset:X}")
        return super().read(offset, width)
