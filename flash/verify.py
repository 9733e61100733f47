"""What is said when flash does not hold what was programmed."""

from __future__ import annotations

from ..arm.memory import Memory
from .errors import VerifyError
from .plan import Run
from .stream import raw_crc

__all__ = ["mismatch"]

READ_BACK = 4096


async def mismatch(memory: Memory, area: Run, crc: int) -> VerifyError:
    """Find the first byte that differs in an area whose CRC, computed on the target, is ``crc``."""
    for offset in range(0, len(area.data), READ_BACK):
        wanted = area.data[offset : offset + READ_BACK]
        read = await memory.read(area.address + offset, len(wanted))
        if read != wanted:
            first = next(i for i in range(len(wanted)) if wanted[i] != read[i])
            return VerifyError(
                f"Verifying the flash at 0x{area.address + offset + first:08X}",
                f"it holds 0x{read[first]:02X} where 0x{wanted[first]:02X} was programmed",
                "Load again; if it happens again at the same place, the flash is worn out.",
                address=area.address + offset + first,
                expected=wanted[first : first + 1],
                read=read[first : first + 1],
            )
    return VerifyError(
        f"Verifying {len(area.data)} bytes of flash at 0x{area.address:08X}",
        f"the CRC computed on the target is 0x{crc:08X}, not 0x{raw_crc(area.data):08X}, "
        "though every byte reads back right",
        "The supply may be unstable: load again.",
        address=area.address,
        expected=b"",
        read=b"",
    )
