"""Where the loader, its stack and its ring of slots lie in RAM, and what the host writes there before the start.

The loader's memory begins where RAM begins: any vector table may stand there, and every part has it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..probes.access import Batch
from .family import Family, LoaderCode
from .memory_map import Region

__all__ = ["Layout", "Mailbox", "lay_out"]

KIB = 1024
SMALL_RAM, TINY_RAM = 16 * KIB, 4 * KIB
"""Below these, the loader gets 2 KiB or 1 instead of 4. Code, 1 KiB of CRC table and the stack fill 1.75 KiB; a loader
for the tiniest parts makes do with a smaller table."""
LARGEST_SLOT = 4 * KIB
"""One write of an ST-Link: address increment on Cortex-M3 and M4 wraps there."""
MOST_SLOTS = 24
"""96 KiB of ring: what a probe sends while a sector of 128 KiB is erased."""
VECTORS = 16
WORD = 4


class Mailbox:
    """Offsets of the loader's variables; loaders/frame.inc is the other side."""

    PROGRESS = 0x00
    ADDRESS = 0x04
    DETAIL = 0x08
    RESCUE = 0x4C


@dataclass(frozen=True, slots=True)
class Layout:
    """Addresses in the target's RAM. ``slot_size`` includes the slot's number, its last word."""

    code: int
    table: int
    stack_top: int
    ring: int
    slot_size: int
    slots: int
    loader: LoaderCode

    @property
    def end(self) -> int:
        """The first address the loader does not use."""
        return self.ring + self.slots * self.slot_size

    @property
    def payload(self) -> int:
        """Bytes of the stream in one slot."""
        return self.slot_size - WORD

    @property
    def entry(self) -> int:
        """Where the loader begins."""
        return self.code + self.loader.entry

    @property
    def done(self) -> int:
        """The BKPT at which the loader ends."""
        return self.code + self.loader.done

    @property
    def progress(self) -> int:
        """Address of the word that counts slots and tells the outcome."""
        return self.code + self.loader.mailbox + Mailbox.PROGRESS

    def slot(self, index: int) -> int:
        """Address of the slot for the ``index``-th piece of the stream, counted from 0."""
        return self.ring + index % self.slots * self.slot_size

    def fill(self, batch: Batch, index: int, piece: bytes) -> None:
        """Write the ``index``-th piece to its slot; the number comes last because it says that all the rest is there.

        One ascending block does that in the fewest transfers; a piece much shorter than its slot goes without padding.
        """
        if len(piece) > self.payload // 2:
            batch.write_block(self.slot(index), piece.ljust(self.payload, b"\xff") + struct.pack("<I", index + 1))
        else:
            batch.write_block(self.slot(index), piece)
            batch.write(self.slot(index) + self.payload, index + 1)

    def image(self, family: Family, filled: int) -> bytes:
        """The loader as it is uploaded when the first ``filled`` slots are filled before it starts."""
        trap = self.code + self.loader.trap | 1
        nmi = self.code + self.loader.nmi | 1
        vectors = struct.pack(f"<{VECTORS}I", self.stack_top, trap, nmi, *[trap] * (VECTORS - 3))
        last_word = self.end - WORD
        mailbox = struct.pack(
            "<19I",
            0,
            0,
            0,
            last_word,  # READ == NUMBER at the end of the last slot: the loader turns to the first one at once
            last_word,
            self.ring,
            self.end,
            self.payload,
            self.ring + filled * self.slot_size + self.payload,
            self.table,
            family.base,
            family.watchdog_key,
            family.program_word,
            family.window_watchdog,
            family.busy,
            family.error_mask,
            int.from_bytes(bytes([family.erased]) * WORD, "little"),
            *family.ecc,
            *[0] * (2 - len(family.ecc)),
        )
        image = vectors + self.loader.code[len(vectors) : self.loader.mailbox] + mailbox
        return image.ljust(len(self.loader.code), b"\0")


def lay_out(ram: Region, loader: LoaderCode) -> Layout:
    """Use as much of ``ram`` as is of use."""
    control = LARGEST_SLOT // (1 if ram.size >= SMALL_RAM else 2 if ram.size >= TINY_RAM else 4)
    slot_size = control
    while (ram.size - control) // slot_size < 2:
        slot_size //= 2
    ring = ram.start + control
    return Layout(
        code=ram.start,
        table=ram.start + (len(loader.code) + WORD - 1) // WORD * WORD,
        stack_top=ring,
        ring=ring,
        slot_size=slot_size,
        slots=min((ram.size - control) // slot_size, MOST_SLOTS),
        loader=loader,
    )
