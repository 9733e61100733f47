"""An instruction whose place is taken by a breakpoint in flash, carried out without it.

It runs from a few bytes of RAM instead, except where it depends on where it stands: those are worked out here.
Armv7-M ARM DDI0403E, A7.7 for each instruction, A7.3 for conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .registers_core import XPSR, Regsel, advance_it_state
from .thumb import branch

__all__ = ["Instruction", "Outcome", "passes"]

_ALWAYS = 14
_THUMB = 1 << 24
_WIDE = 0xE800


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an instruction does: registers by REGSEL, and a register that gets the word at an address."""

    registers: Mapping[int, int]
    load: tuple[int, int] | None = None


def passes(condition: int, xpsr: int) -> bool:
    """Whether a condition code holds (DDI0403E A7.3)."""
    n, z, c, v = (bool(xpsr >> bit & 1) for bit in (31, 30, 29, 28))
    holds = (z, c, n, v, c and not z, n == v, n == v and not z, True)[condition >> 1]
    return holds != bool(condition & 1 and condition < _ALWAYS)


@dataclass(frozen=True)
class Instruction:
    """The instruction at ``pc``; ``code`` are four bytes from there on."""

    code: bytes
    pc: int
    first: int = field(init=False)
    second: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "first", int.from_bytes(self.code[:2], "little"))
        object.__setattr__(self, "second", int.from_bytes(self.code[2:4], "little"))

    @property
    def size(self) -> int:
        """2 or 4 bytes."""
        return 4 if self.first >= _WIDE else 2

    @property
    def elsewhere(self) -> bool:
        """Whether it does the same wherever it stands."""
        return self._worker() is None and not self._reads_pc()

    @property
    def possible(self) -> bool:
        """Whether it can be carried out without being at its place."""
        return self._worker() is not None or not self._reads_pc()

    def work_out(self, registers: Mapping[int, int]) -> Outcome | None:
        """What it does to these registers; None for one that does the same elsewhere."""
        worker = self._worker()
        if worker is None:
            return None
        xpsr = registers[Regsel.XPSR]
        word = XPSR(xpsr)
        state = word.IT_HIGH << 2 | word.IT_LOW
        outcome = Outcome({})
        if not state & 0xF or passes(state >> 4, xpsr):
            outcome = worker(self, registers)
        after: dict[int, int] = {
            Regsel.PC: self.pc + self.size,
            Regsel.XPSR: advance_it_state(xpsr) if state & 0xF else xpsr,
        }
        return Outcome({**after, **outcome.registers}, outcome.load)

    # ------------------------------------------------------------------------------------ which
    def _worker(self) -> Callable[[Instruction, Mapping[int, int]], Outcome] | None:
        if self.size == 2:
            if self.first & 0xF000 == 0xD000 and self.first >> 8 & 0xF >= _ALWAYS:
                return None  # UDF, SVC
            return next((work for mask, value, work in _NARROW if self.first & mask == value), None)
        for mask, value, mask2, value2, work in _WIDE_ONES:
            if self.first & mask == value and self.second & mask2 == value2:
                if work is Instruction.branch_if_wide and self.first >> 6 & 0xF >= _ALWAYS:
                    return None  # MSR, MRS, barriers
                return None if work is Instruction.load_wide and self.second >> 12 == Regsel.PC else work
        return None

    def _reads_pc(self) -> bool:
        """Whether PC is an operand in a way that is not worked out here."""
        if self.size == 2:
            return self.first & 0xFF78 in {0x4478, 0x4578, 0x4678}
        # Loads, stores, table branches and coprocessor accesses relative to PC.
        return self.first & 0xF == Regsel.PC and (
            self.first & 0xFE40 == 0xE840 or self.first & 0xFE10 == 0xF810 or self.first & 0xFE00 == 0xEC00
        )

    # ------------------------------------------------------------------------------------ what they do
    @property
    def _base(self) -> int:
        return self.pc + 4 & ~3

    def _jump(self) -> Outcome:
        return Outcome({Regsel.PC: branch(self.first, self.second, self.pc)[0] & 0xFFFF_FFFF})

    def load_literal(self, _: Mapping[int, int]) -> Outcome:
        """LDR Rt, [PC, #imm8]."""
        return Outcome({}, (self.first >> 8 & 7, self._base + 4 * (self.first & 0xFF)))

    def address(self, _: Mapping[int, int]) -> Outcome:
        """ADR Rd, label."""
        return Outcome({self.first >> 8 & 7: self._base + 4 * (self.first & 0xFF)})

    def branch_if(self, registers: Mapping[int, int]) -> Outcome:
        """B<c>."""
        return self._jump() if passes(self.first >> 8 & 0xF, registers[Regsel.XPSR]) else Outcome({})

    def branch(self, _: Mapping[int, int]) -> Outcome:
        """B, B.W."""
        return self._jump()

    def branch_if_zero(self, registers: Mapping[int, int]) -> Outcome:
        """CBZ, CBNZ."""
        zero = not registers[self.first & 7]
        wanted = not self.first >> 11 & 1
        return self._jump() if zero == wanted else Outcome({})

    def call_register(self, registers: Mapping[int, int]) -> Outcome:
        """BLX Rm."""
        target = registers[self.first >> 3 & 0xF]
        xpsr = registers[Regsel.XPSR] & ~_THUMB | (_THUMB if target & 1 else 0)
        return Outcome({Regsel.LR: self.pc + 2 | 1, Regsel.PC: target & ~1, Regsel.XPSR: xpsr})

    def call(self, _: Mapping[int, int]) -> Outcome:
        """BL."""
        return Outcome({Regsel.LR: self.pc + 4 | 1, **self._jump().registers})

    def branch_if_wide(self, registers: Mapping[int, int]) -> Outcome:
        """B<c>.W."""
        return self._jump() if passes(self.first >> 6 & 0xF, registers[Regsel.XPSR]) else Outcome({})

    def load_wide(self, _: Mapping[int, int]) -> Outcome:
        """LDR.W Rt, [PC, #imm12]."""
        offset = self.second & 0xFFF
        return Outcome({}, (self.second >> 12, self._base + (offset if self.first & 0x80 else -offset)))

    def address_wide(self, _: Mapping[int, int]) -> Outcome:
        """ADR.W Rd, label."""
        offset = (self.first >> 10 & 1) << 11 | (self.second >> 12 & 7) << 8 | self.second & 0xFF
        return Outcome({self.second >> 8 & 0xF: self._base + (-offset if self.first & 0x80 else offset)})


_NARROW = (
    (0xF800, 0x4800, Instruction.load_literal),
    (0xF800, 0xA000, Instruction.address),
    (0xF000, 0xD000, Instruction.branch_if),
    (0xF800, 0xE000, Instruction.branch),
    (0xF500, 0xB100, Instruction.branch_if_zero),
    (0xFF87, 0x4780, Instruction.call_register),
)
_WIDE_ONES = (
    (0xF800, 0xF000, 0xD000, 0xD000, Instruction.call),
    (0xF800, 0xF000, 0xD000, 0x9000, Instruction.branch),
    (0xF800, 0xF000, 0xD000, 0x8000, Instruction.branch_if_wide),
    (0xFF7F, 0xF85F, 0x0000, 0x0000, Instruction.load_wide),
    (0xFBFF, 0xF2AF, 0x8000, 0x0000, Instruction.address_wide),
    (0xFBFF, 0xF20F, 0x8000, 0x0000, Instruction.address_wide),
)
