"""A target that is a few words, for tests of identification and descriptions."""

from __future__ import annotations

from collections.abc import Sequence

from haltpoint.arm.memory import InlineExecutor, Memory
from haltpoint.probes.access import Access, Read, Result, Write
from haltpoint.probes.errors import AccessFaultError
from haltpoint.probes.probe import ProbeInfo

__all__ = ["CPUID", "Words", "memory"]

CPUID = 0xE000_ED00


class Words:
    """A probe that knows a few words and halfwords; all other addresses fault."""

    info = ProbeInfo("words", "0", "0", "words")

    def __init__(self, words: dict[int, int], gate: tuple[int, int, int] | None = None) -> None:
        """``gate``: this address reads as 0 unless that register has these bits."""
        self.words = words
        self.gate = gate

    def read(self, address: int) -> int:
        if self.gate and address == self.gate[0] and not self.words[self.gate[1]] & self.gate[2]:
            return 0
        return self.words[address]

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        results: list[Result] = []
        for access in accesses:
            assert isinstance(access, (Read, Write))
            if access.address not in self.words:
                raise AccessFaultError("Reading", "FAULT", address=access.address)
            if isinstance(access, Write):
                self.words[access.address] = access.value
                results.append(None)
            else:
                results.append(self.read(access.address))
        return results

    def voltage(self) -> float | None:
        return None

    def set_speed(self, khz: int) -> int:
        return khz

    def connect(self) -> None: ...

    def set_reset(self, asserted: bool) -> None: ...

    def close(self) -> None: ...


def memory(words: dict[int, int], gate: tuple[int, int, int] | None = None) -> Memory:
    return Memory(Words(words, gate), InlineExecutor())
