"""As much of the Thumb instruction set as it takes to see how far the core runs without leaving a range.

Armv7-M ARM DDI0403E, A5.2 and A5.3. What goes elsewhere by a register or by memory, waits, or changes how
interrupts are taken must be looked at by itself; so must whatever is not known here.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reach", "branch", "reach", "straight_end"]

# (mask, value) of 16-bit instructions that end a straight piece.
_NARROW_ENDS = (
    (0xFF00, 0x4700),  # BX, BLX
    (0xFF87, 0x4487),  # ADD PC
    (0xFF87, 0x4687),  # MOV PC
    (0xF500, 0xB100),  # CBZ, CBNZ
    (0xFF00, 0xBD00),  # POP with PC
    (0xFF00, 0xB600),  # CPS
    (0xFF00, 0xBE00),  # BKPT
    (0xFF00, 0xBF00),  # IT, WFI, WFE, SEV, YIELD; NOP is let through below
    (0xF000, 0xD000),  # conditional branches, UDF, SVC
    (0xF800, 0xE000),  # B
)
_NOP = 0xBF00
_WIDE = 0xE800  # from here on the first half of a 32-bit instruction (A5.1)


def _wide_ends(first: int, second: int) -> bool:
    """Whether a 32-bit instruction may go elsewhere (A5.3)."""
    if first & 0xF800 == 0xF000:
        return bool(second & 0x8000)  # branches and miscellaneous control (A5.3.4)
    if first & 0xFE40 == 0xE800:
        return bool(first & 0x10 and second & 0x8000)  # LDM, POP with PC (A5.3.5)
    if first & 0xFFF0 == 0xE8D0:
        return second & 0xFFC0 == 0xF000 and second & 0xF0F0 in {0xF000, 0xF010}  # TBB, TBH (A5.3.6)
    if first & 0xFE10 == 0xF810:
        return second >> 12 == 15  # loads to PC, and preload hints (A5.3.7 to A5.3.10)
    return False


def straight_end(code: bytes, start: int, pc: int, end: int) -> tuple[int, int]:
    """How far the core runs straight on from ``pc``: (address of what stops it, instructions before that).

    ``code`` stands at ``start``. The address is ``end``, or of an instruction before it that must be looked at
    by itself, or where ``code`` ends.
    """
    count = 0
    while start <= pc < end:
        first = int.from_bytes(code[pc - start : pc - start + 2], "little")
        second = int.from_bytes(code[pc - start + 2 : pc - start + 4], "little")
        size = 4 if first >= _WIDE else 2
        if len(code) < pc - start + size:
            break
        if size == 4:
            ends = _wide_ends(first, second)
        else:
            ends = first != _NOP and any(first & mask == value for mask, value in _NARROW_ENDS)
        if ends or pc + size > end:
            break
        pc += size
        count += 1
    return pc, count


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def _narrow_branch(half: int, pc: int) -> tuple[int, ...]:
    if half & 0xF000 == 0xD000 and half & 0x0E00 != 0x0E00:  # B<c> (A7.7.12, T1); 1110 is UDF, 1111 SVC
        return pc + 4 + 2 * _signed(half & 0xFF, 8), pc + 2
    if half & 0xF800 == 0xE000:  # B (T2)
        return (pc + 4 + 2 * _signed(half & 0x7FF, 11),)
    if half & 0xF500 == 0xB100:  # CBZ, CBNZ (A7.7.21)
        return pc + 4 + (half >> 3 & 0x40) + (half >> 2 & 0x3E), pc + 2
    return ()


def _wide_branch(first: int, second: int, pc: int) -> tuple[int, ...]:
    if first & 0xF800 != 0xF000 or not second & 0x8000:
        return ()
    sign, j1, j2 = first >> 10 & 1, second >> 13 & 1, second >> 11 & 1
    if second & 0x1000:  # B (T4), BL (A7.7.18)
        high = sign << 23 | (j1 ^ sign ^ 1) << 22 | (j2 ^ sign ^ 1) << 21
        return (pc + 4 + 2 * _signed(high | (first & 0x3FF) << 11 | second & 0x7FF, 24),)
    if second & 0x4000 or first & 0x0380 == 0x0380:  # BLX, which no Cortex-M has; miscellaneous control (A5.3.4)
        return ()
    high = sign << 19 | j2 << 18 | j1 << 17
    return pc + 4 + 2 * _signed(high | (first & 0x3F) << 11 | second & 0x7FF, 20), pc + 4  # B<c> (T3)


def branch(first: int, second: int, pc: int) -> tuple[int, ...]:
    """Where a branch at ``pc`` leads, and where it goes on if it is not taken; () for any other instruction.

    BL counts as one that is always taken.
    """
    return _wide_branch(first, second, pc) if first >= _WIDE else _narrow_branch(first, pc)


def _only_waits_or_masks(first: int, second: int) -> bool:
    """Hints (WFI among them), CPS, barriers, MRS and MSR: for a core that runs freely they are like any other."""
    wide = first & 0xFF80 == 0xF380 and second & 0xF000 == 0x8000  # A5.3.4
    return wide or first & 0xFF0F == 0xBF00 or first & 0xFFE8 == 0xB660


@dataclass(frozen=True, slots=True)
class Reach:
    """Where the core gets to: ``places`` to stop it at, ``count`` instructions before them, and whether it may loop."""

    places: frozenset[int]
    count: int
    loops: bool


class _Range:
    """The code of a range, instruction by instruction."""

    def __init__(self, code: bytes, start: int, end: int) -> None:
        self._code = code
        self._start = start
        self._end = end

    def _halves(self, pc: int) -> tuple[int, int]:
        at = pc - self._start
        return int.from_bytes(self._code[at : at + 2], "little"), int.from_bytes(self._code[at + 2 : at + 4], "little")

    def _size(self, pc: int) -> int:
        return 4 if self._halves(pc)[0] >= _WIDE else 2

    def _plain(self, pc: int) -> int:
        """Where it goes on behind an instruction that goes straight on; 0 if it may not."""
        after = pc + self._size(pc)
        if _only_waits_or_masks(*self._halves(pc)) and after - self._start <= len(self._code):
            return after
        return after if straight_end(self._code, self._start, pc, after)[0] == after else 0

    def _behind_it_block(self, pc: int) -> int:
        """Where it goes on behind an IT block of plain instructions; 0 for anything else (A7.7.38)."""
        first, _ = self._halves(pc)
        if first & 0xFF00 != 0xBF00 or not first & 0xF:
            return 0
        after = pc + 2
        for _ in range(4 - (first & -first & 0xF).bit_length() + 1):
            if not self._start <= after < self._end:
                return 0
            after = self._plain(after)
            if not after:
                return 0
        return after

    def following(self, pc: int) -> tuple[int, ...]:
        """Where the instruction at ``pc`` may lead; () for one that must be looked at by itself."""
        size = self._size(pc)
        if not self._start <= pc < self._end or len(self._code) < pc - self._start + size:
            return ()
        first, second = self._halves(pc)
        targets = branch(first, second, pc)
        if targets:
            inward = any(self._start <= target < self._end for target in targets)
            # A call into the range itself comes back to where nothing can be said of.
            return () if size == 4 and second & 0xD000 == 0xD000 and inward else targets
        after = self._plain(pc) or self._behind_it_block(pc)
        return (after,) if after else ()


def reach(code: bytes, start: int, pc: int, end: int) -> Reach:
    """Where a core at ``pc`` leaves the range ``start`` to ``end``, or comes upon what must be looked at by itself.

    ``code`` stands at ``start``; what lies behind it is not known. With a ``count`` of 0 that is at ``pc`` itself.
    """
    within = _Range(code, start, end)
    places: set[int] = set()
    seen: set[int] = set()
    loops = False
    todo = [pc]
    while todo:
        at = todo.pop()
        if at in seen or at in places:
            continue
        following = within.following(at)
        if following:
            seen.add(at)
            loops |= any(start <= target <= at for target in following)
            todo += following
        else:
            places.add(at)
    return Reach(frozenset(places), len(seen), loops)
