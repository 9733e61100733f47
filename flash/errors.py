"""What goes wrong before and while flash is programmed. All are TargetError: the target refused or misbehaved.

FlashError
├── ProtectedError    readout or write protection; nothing has been erased
├── LoaderError       the RAM loader did not end as it must: fault, lockup, reset, timeout
└── VerifyError       the flash does not hold what was programmed
"""

from __future__ import annotations

from ..probes.errors import TargetError

__all__ = ["FlashError", "LoaderError", "ProtectedError", "UnknownChipError", "VerifyError"]


class FlashError(TargetError):
    """Programming failed; ``address`` is where, None where it is not about one address."""

    def __init__(self, attempt: str, seen: str, advice: str = "", *, address: int | None = None) -> None:
        super().__init__(attempt, seen, advice)
        self.address = address


class ProtectedError(FlashError):
    """Readout or write protection stands in the way; nothing has been erased."""


class LoaderError(FlashError):
    """The RAM loader did not end as it must. ``pc`` and ``dhcsr`` are what was seen, None where unread."""

    def __init__(
        self, attempt: str, seen: str, advice: str = "", *, pc: int | None = None, dhcsr: int | None = None
    ) -> None:
        super().__init__(attempt, seen, advice)
        self.pc = pc
        self.dhcsr = dhcsr


class VerifyError(FlashError):
    """Memory does not hold what was written to it: ``expected`` and ``read`` from ``address`` on."""

    def __init__(
        self, attempt: str, seen: str, advice: str = "", *, address: int, expected: bytes, read: bytes
    ) -> None:
        super().__init__(attempt, seen, advice, address=address)
        self.expected = expected
        self.read = read


class UnknownChipError(TargetError):
    """The target's answers are those of no chip in the table. It can be debugged, but its flash is not known."""
