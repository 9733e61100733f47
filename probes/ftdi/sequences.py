"""What switches a debug port between SWD, JTAG and dormant (IHI0031F B5.3), as (value, bits), lowest bit first."""

from __future__ import annotations

from typing import Final, TypeAlias

__all__ = ["DORMANT_TO_JTAG", "DORMANT_TO_SWD", "JTAG_TO_DORMANT", "JTAG_TO_SWD", "LINE_RESET", "SWD_TO_JTAG", "join"]

Bits: TypeAlias = tuple[int, int]


def join(*parts: Bits) -> Bits:
    """One after the other."""
    value = count = 0
    for part, length in parts:
        value |= part << count
        count += length
    return value, count


def _ones(count: int) -> Bits:
    return (1 << count) - 1, count


_RESET_ONES: Final = _ones(56)  # 50 are asked for (B4.3.3); whole bytes are cheaper
_IDLE: Final[Bits] = (0, 8)  # at least two
_ALERT: Final[Bits] = (0x19BC_0EA2_E3DD_AFE9_8685_2D95_6209_F392, 128)  # B5.3.4
_WAKE: Final = join(_ones(8), _ALERT, (0, 4))

LINE_RESET: Final = join(_RESET_ONES, _IDLE)
JTAG_TO_SWD: Final = join(_RESET_ONES, (0xE79E, 16), _RESET_ONES, _IDLE)
SWD_TO_JTAG: Final = join(_RESET_ONES, (0xE73C, 16), _ones(8))
JTAG_TO_DORMANT: Final = join(_ones(8), (0x33BB_BBBA, 31))
SWD_TO_DORMANT: Final = join(_RESET_ONES, (0xE3BC, 16))
DORMANT_TO_SWD: Final = join(SWD_TO_DORMANT, _WAKE, (0x1A, 8), _RESET_ONES, _IDLE)
DORMANT_TO_JTAG: Final = join(_WAKE, (0x0A, 8), _ones(8))
