"""What a JTAG chain shows when it is shifted through: how many TAPs, which, how long their instructions are. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..errors import LinkError, NoTargetError

__all__ = ["IDENTIFY_BITS", "IDENTIFY_STREAM", "IR_BITS", "IR_STREAM", "Tap", "ir_lengths", "taps_of"]

# IEEE 1149.1 clause 12.1: bit 0 is 1, bits 11:1 the maker (JEP106), 27:12 the part, 31:28 the version.
ARM_DEBUG_PORT: Final = 0x477  # Arm's JEP106 code with bit 0; the low 12 bits
ST: Final = 0x041
ARM_IR_LENGTH: Final = 4
ST_IR_LENGTH: Final = 5
LONGEST_CHAIN: Final = 20
NO_IDCODE: Final = 0xFFFF_FFFF

MARKER: Final = 0x5AC3_3C96
"""Follows the ones, so that it is seen coming out again; never the beginning of an IDCODE (bit 0 is 0)."""
IDENTIFY_BITS: Final = 32 * (LONGEST_CHAIN + 2)
IDENTIFY_STREAM: Final = (1 << 32) - 1 | MARKER << 32 | (1 << IDENTIFY_BITS - 64) - 1 << 64
"""Shifted into DR after Test-Logic-Reset, lowest bit first."""

_IR_ONES: Final = 160
IR_BITS: Final = 32 + _IR_ONES
IR_STREAM: Final = MARKER | (1 << _IR_ONES) - 1 << 32
"""Shifted into IR after Test-Logic-Reset: ends with every TAP in BYPASS."""

_WIRES = "Check TCK, TMS, TDI, TDO, ground and the target's supply; a lower speed (--speed 100) may help."


@dataclass(frozen=True, slots=True)
class Tap:
    """One TAP. ``idcode`` is None for one that selects BYPASS in Test-Logic-Reset."""

    idcode: int | None
    ir_length: int = 0

    @property
    def is_debug_port(self) -> bool:
        """An Arm JTAG-DP."""
        return self.idcode is not None and self.idcode & 0xFFF == ARM_DEBUG_PORT

    @property
    def dev_id(self) -> int | None:
        """DEV_ID of an STM32's boundary-scan TAP, as in DBGMCU_IDCODE."""
        if self.idcode is None or self.idcode & 0xFFF != ST or self.idcode >> 24 & 0xF != 6:
            return None
        return self.idcode >> 12 & 0xFFF

    def __str__(self) -> str:
        if self.idcode is None:
            return "a TAP without IDCODE"
        if self.is_debug_port:
            return f"Arm JTAG-DP 0x{self.idcode:08X}"
        if self.dev_id is not None:
            return f"STM32 boundary scan 0x{self.idcode:08X} (DEV_ID 0x{self.dev_id:03X})"
        return f"TAP 0x{self.idcode:08X}"


def taps_of(seen: int, attempt: str) -> list[Tap]:
    """The TAPs, nearest to TDO first, from what came out of DR while IDENTIFY_STREAM went in.

    Raises NoTargetError with the line that looks open, stuck or shorted.
    """
    if seen == 0:
        raise NoTargetError(attempt, "TDO stays low: it is shorted to ground, or the target has no power", _WIRES)
    if seen == (1 << IDENTIFY_BITS) - 1:
        raise NoTargetError(attempt, "TDO stays high: no TAP answers, TDO, TCK or TMS may be open", _WIRES)
    taps: list[Tap] = []
    position = 0
    while position <= IDENTIFY_BITS - 64:
        word = seen >> position & 0xFFFF_FFFF
        if word == NO_IDCODE:
            if seen >> position + 32 & 0xFFFF_FFFF != MARKER:
                break
            if not taps:
                raise NoTargetError(
                    attempt,
                    "TDO repeats TDI without delay: no TAP is between them",
                    "TDI and TDO are joined. If the target is wired for SWD with a resistor, choose an SWD adapter "
                    "(such as ftdi:ft2232h-swd). " + _WIRES,
                )
            return taps
        taps.append(Tap(word if word & 1 else None))
        position += 32 if word & 1 else 1
        if len(taps) > LONGEST_CHAIN:
            break
    raise LinkError(
        attempt,
        f"what comes out of the chain ({seen & (1 << 96) - 1:024x}...) is not what went in",
        "Bits are damaged on the way: choose a lower speed (--speed 100), shorten the wires, check ground.",
    )


def ir_lengths(taps: list[Tap], seen: int, attempt: str) -> list[Tap]:
    """The TAPs with their IR lengths, from what came out of IR while IR_STREAM went in.

    Known makers' lengths are used first; the rest is told by Capture-IR's lowest bits, 01 in every TAP.
    """
    total = next((n for n in range(_IR_ONES) if seen >> n & 0xFFFF_FFFF == MARKER), None)
    if total is None:
        raise LinkError(attempt, "the instruction registers do not pass on what is shifted in", _WIRES)
    lengths = [_known(tap) for tap in taps]
    if lengths.count(0) == 1:
        lengths[lengths.index(0)] = total - sum(lengths)
    if sum(lengths) != total or 0 in lengths:
        lengths = _split(seen, total)
    if len(lengths) != len(taps) or min(lengths, default=0) < 2:
        raise LinkError(
            attempt,
            f"{len(taps)} TAPs share {total} instruction bits (captured {seen & (1 << total) - 1:0{total}b}), "
            "and where each begins cannot be told",
            "Take other devices out of the chain, or use SWD.",
        )
    return [Tap(tap.idcode, length) for tap, length in zip(taps, lengths, strict=True)]


def _known(tap: Tap) -> int:
    if tap.is_debug_port:
        return ARM_IR_LENGTH
    return ST_IR_LENGTH if tap.dev_id is not None else 0


def _split(seen: int, total: int) -> list[int]:
    """Lengths where a 1 followed by a 0 begins each TAP."""
    starts = [n for n in range(total - 1) if seen >> n & 0b11 == 0b01] if total else []
    return [end - start for start, end in zip(starts, [*starts[1:], total], strict=True)]
