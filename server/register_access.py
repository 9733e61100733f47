"""A client's registers as bytes, out of and into the 32-bit words that a core transfers."""

from __future__ import annotations

from .capabilities import Core
from .description import PC, RegisterSpec

__all__ = ["read_register", "write_register"]

WORD = 0xFFFF_FFFF


async def read_register(core: Core, spec: RegisterSpec) -> bytes:
    """In target byte order, of a core that stands."""
    value = await core.read_register(spec.regsel)
    if spec.bits > 32:
        value |= await core.read_register(spec.regsel + 1) << 32
    return (value >> spec.shift & spec.mask).to_bytes(spec.size, "little")


async def write_register(core: Core, spec: RegisterSpec, value: int) -> None:
    """Into a core that stands; what shares a word with a narrow register stays."""
    if spec is PC:
        value &= ~1  # clients put the Thumb bit there; it belongs to xPSR.T
    if spec.bits < 32:
        others = await core.read_register(spec.regsel)
        value = others & ~(spec.mask << spec.shift) | value << spec.shift
    await core.write_register(spec.regsel, value & WORD)
    if spec.bits > 32:
        await core.write_register(spec.regsel + 1, value >> 32)
