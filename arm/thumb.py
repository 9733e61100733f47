"""As much of the Thumb instruction set as it takes to see how far the core runs straight on.

Armv7-M ARM DDI0403E, A5.2 and A5.3. Whatever might go somewhere else, wait, or change how interrupts are
taken counts as the end of a straight piece; so does whatever is not known here.
"""

from __future__ import annotations

__all__ = ["straight_end"]

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
