"""One register that must change before code of ours may run on the target, and how it goes back."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Step"]

WORD = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Step:
    """The register is saved, ``clear`` bits become 0, ``set`` bits 1, and later what was saved is written back.

    ``address`` is a bus address, or a DCRSR.REGSEL number where ``core`` is set. Writes carry only ``writable``
    bits and always the ``key``. ``wait`` bits of the same register must read ``wait_value`` after the change
    before the next register is touched, and what they read before after it has been put back. A register of
    flags that are cleared by writing 1 is not put back (``restore`` false). ``flush`` bits, which empty a cache, are
    set for a moment before the register is put back, always. ``wait_at``: the ``wait`` bits are those of this other
    register, and only the change is waited for. ``survives_reset``: a system reset
    does not touch the register, so it is put back even after one; others then have their reset values, and keep
    them. ``gated``: the register can be read only when the steps before have been taken, which gave it a clock.
    ``opened_by`` is a word at another address, written before each write to the register.
    """

    name: str
    why: str
    address: int
    clear: int = 0
    set: int = 0
    wait: int = 0
    wait_value: int = 0
    wait_at: int = 0
    flush: int = 0
    writable: int = WORD
    key: int = 0
    restore: bool = True
    survives_reset: bool = False
    core: bool = False
    gated: bool = False
    opened_by: tuple[int, int] | None = None

    def changed(self, saved: int) -> int:
        """The word to be written."""
        return ((saved & ~self.clear | self.set) & self.writable) | self.key

    def back(self, saved: int) -> int:
        """The word that puts ``saved`` back."""
        return (saved & self.writable) | self.key

    def needed(self, saved: int) -> bool:
        """Whether the step changes anything. Flags that clear by writing 1 are always written."""
        return not self.restore or self.changed(saved) != self.back(saved)
