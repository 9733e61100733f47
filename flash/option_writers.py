"""How option bytes are written, one coroutine per kind of controller. Each ends when the flash is idle again.

What reaches an option register goes through ``OptionWriter.write``, which lets no word by whose readout protection
is not level 0: nothing here can set level 2, whatever was read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import trio

from ..arm.memory import Memory
from ..probes.access import Batch
from ..probes.errors import AccessFaultError, PollTimeoutError
from .chips import Chip
from .controller import explain_status
from .errors import FlashError, ProtectedError
from .options import Readout, options_of

__all__ = ["WRITERS", "OptionWriter", "checked"]

KEYS = (0x0819_2A3B, 0x4C5D_6E7F)
NVM_KEYS = (0xFBEA_D9C8, 0x2425_2627)
LOOK_SECONDS = 0.1
PATIENCE = 5.0
"""Longer than any erase of a whole flash but those that say so themselves (``Family.patience``)."""
ATTEMPT = "Writing the option bytes"
ALL = 0xFFFF_FFFF


def checked(readout: Readout, register: str, word: int) -> int:
    """``word``, which may be written to ``register``: if that holds the readout protection, it must be level 0."""
    if register == readout.register:
        value = word >> readout.lsb & ((1 << readout.width) - 1)
        if value != readout.none:
            raise ProtectedError(
                ATTEMPT,
                f"{register} = 0x{word:X} would set the readout protection to 0x{value:02X}, which is not level 0",
                "Nothing was written; this is a defect of Haltpoint.",
            )
    return word


@dataclass(frozen=True, slots=True)
class OptionWriter:
    """Unlocked flash whose options are written. ``guarded``: write protection is to be removed."""

    memory: Memory
    chip: Chip
    readout: Readout
    guarded: bool

    @classmethod
    def of(cls, memory: Memory, chip: Chip, *, guarded: bool) -> OptionWriter:
        """For this chip, which must be of a family with options."""
        options = options_of(chip.family.name)
        assert options is not None
        return cls(memory, chip, options.readout, guarded)

    def at(self, offset: int) -> int:
        """Address of a register of the controller."""
        return self.chip.family.base + offset

    def write(self, batch: Batch, register: str, address: int, word: int, width: int = 4) -> None:
        """Write an option register or word."""
        batch.write(address, checked(self.readout, register, word), width=width)

    async def open(self, key: int, control: int, lock: int, keys: Sequence[int] = KEYS) -> None:
        """Write the keys, unless the lock is open."""
        if await self.memory.read32(control) & lock:
            batch = Batch()
            for word in keys:
                batch.write(key, word)
            await self.memory.run(batch)

    async def wait(self, status: int, busy: int) -> None:
        """Until the ``busy`` bits are 0. Raises FlashError when that lasts too long, or an error flag shows."""
        deadline = trio.current_time() + max(PATIENCE, self.chip.family.patience)
        while True:
            batch = Batch()
            batch.poll(status, busy, 0, LOOK_SECONDS)
            try:
                await self.memory.run(batch)
            except PollTimeoutError as error:
                if trio.current_time() < deadline:
                    continue
                seen = f"the flash controller stays busy (0x{error.last:08X} at 0x{status:08X})"
                raise FlashError(ATTEMPT, seen, "Switch the board off and on, then look again.") from error
            break
        family = self.chip.family
        word = await self.memory.read32(family.controllers[0].status)
        if word & family.error_mask:
            raise FlashError(ATTEMPT, explain_status(family, word), "Switch the board off and on, then try again.")

    async def run(self, batch: Batch) -> None:
        """Run, then wait for the controller."""
        await self.memory.run(batch)
        await self.wait(self.chip.family.controllers[0].status, self.chip.family.busy)

    async def launch(self, control: int, word: int) -> None:
        """Load the options: the chip resets itself, so the write need not be acknowledged."""
        try:
            await self.memory.write32(control, word)
        except AccessFaultError:
            return


AREA, AREA_SIZE = 0x1FFF_F800, 16
OPTPG, OPTER, STRT, OPTWRE, BYTES_OBL_LAUNCH = 1 << 4, 1 << 5, 1 << 6, 1 << 9, 1 << 13


async def _bytes(to: OptionWriter) -> None:
    """F0, F1, F3: bytes, each with its complement, in an area that is erased as a whole. PM0075 2.5, RM0091.

    An erased area still means level 1; the byte that ends it is written first.
    """
    family = to.chip.family
    control = family.controllers[0].control
    batch = Batch()
    old = batch.read_block(AREA, AREA_SIZE)
    await to.memory.run(batch)
    pairs = zip(old.value[::2], old.value[1::2], strict=True)
    values = [value if value ^ complement == 0xFF else 0xFF for value, complement in pairs]
    values = [to.readout.none, *values[1:4], *([0xFF] * 4 if to.guarded else values[4:])]
    batch = Batch()
    for key in family.keys:
        batch.write(to.at(0x08), key)
    batch.write(control, OPTWRE | OPTER)
    batch.write(control, OPTWRE | OPTER | STRT)
    await to.run(batch)
    await to.memory.write32(control, OPTWRE | OPTPG)
    for index, value in enumerate(values):
        batch = Batch()
        to.write(batch, "" if index else to.readout.register, AREA + 2 * index, value, width=2)
        await to.run(batch)
    if to.readout.forever is not None:
        await to.launch(control, OPTWRE | BYTES_OBL_LAUNCH)
    else:
        await to.memory.write32(control, 0)


OPTLOCK, OPTSTRT = 1 << 0, 1 << 1
NWRP, SPRMOD = 16, 1 << 31
LONG_NWRP = 0x463
"""F413, F423: 15 bits instead of 12 (RM0430)."""


async def _optcr(to: OptionWriter) -> None:
    """F2, F4, F7: one register, and a second for bank 2. RM0090 3.7.2."""
    family, optcr, optcr1 = to.chip.family, to.at(0x14), to.at(0x18)
    await to.open(to.at(0x08), optcr, OPTLOCK)
    word = await to.memory.read32(optcr) & ~(OPTLOCK | OPTSTRT | 0xFF00) | to.readout.none << to.readout.lsb
    batch = Batch()
    if to.guarded:
        bits = 8 if family.name == "STM32F7" and to.chip.device.dev_id != 0x451 else 12
        word |= ((1 << (15 if to.chip.device.dev_id == LONG_NWRP else bits)) - 1) << NWRP
        if "OPTCR1" in family.protection.registers and family.name == "STM32F4":
            batch.write(optcr1, (await to.memory.read32(optcr1)) | 0xFFF << NWRP)
    if family.name == "STM32F4":
        word &= ~SPRMOD  # RM0090 3.7.5: ends with the readout protection
    to.write(batch, "OPTCR", optcr, word)
    to.write(batch, "OPTCR", optcr, word | OPTSTRT)
    await to.run(batch)
    batch = Batch()
    to.write(batch, "OPTCR", optcr, word | OPTLOCK)
    await to.memory.run(batch)


PAGED_OPTSTRT, PAGED_OBL_LAUNCH, PAGED_OPTLOCK = 1 << 17, 1 << 27, 1 << 30
NEWER = {"STM32L5": 0x10, "STM32U5": 0x10}
"""Where OPTKEYR is not at 0x0C."""


async def _optr(to: OptionWriter) -> None:
    """L4, L4+, G0, G4, C0, WB, WL, L5, U5: registers that are stored together. RM0351 3.4.2."""
    family = to.chip.family
    control, registers = family.controllers[0].control, family.protection.registers
    await to.open(to.at(NEWER.get(family.name, 0x0C)), control, PAGED_OPTLOCK)
    batch = Batch()
    words = {name: batch.read(address) for name, address in registers.items()}
    await to.memory.run(batch)
    batch = Batch()
    to.write(batch, "OPTR", registers["OPTR"], words["OPTR"].value & ~0xFF | to.readout.none)
    last = max(region.number + region.size // region.sector_size - 1 for region in to.chip.flash)
    pages = (1 << last.bit_length()) - 1
    for name, address in registers.items():
        if to.guarded and name.startswith("WRP"):  # an area that ends before it starts
            batch.write(address, (words[name].value | pages) & ~(pages << 16))
    batch.write(control, PAGED_OPTSTRT)
    await to.run(batch)
    await to.launch(control, PAGED_OBL_LAUNCH)


NVM_AREA = 0x1FF8_0000
NVM_OPTLOCK, NVM_OBL_LAUNCH = 1 << 2, 1 << 18
WRP_WORDS = (0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x80, 0x84)
"""Two for each register WRPR, from the option area on."""


async def _nvm(to: OptionWriter) -> None:
    """L0, L1: words of a half-word and its complement, each written on its own. RM0367, RM0038."""
    family = to.chip.family
    control = family.controllers[0].control
    await to.open(to.at(0x14), control, NVM_OPTLOCK, NVM_KEYS)
    batch = Batch()
    to.write(batch, to.readout.register, NVM_AREA, to.readout.none | (~to.readout.none & 0xFFFF) << 16)
    await to.run(batch)
    if to.guarded:
        for offset in WRP_WORDS[: 2 * sum(name.startswith("WRPR") for name in family.protection.registers)]:
            batch = Batch()
            batch.write(NVM_AREA + offset, 0xFFFF_0000)
            await to.run(batch)
    await to.launch(control, NVM_OBL_LAUNCH)


OPT_BUSY, OPTSTART, OPTCHANGEERR = 1 << 0, 1 << 1, 1 << 30


async def _optsr(to: OptionWriter) -> None:
    """H7: what is wanted is written beside what is in force, and then takes its place. RM0433."""
    current, wanted, control = to.at(0x1C), to.at(0x20), to.at(0x18)
    await to.open(to.at(0x08), control, OPTLOCK)
    word = await to.memory.read32(wanted) & ~0xFF00 | to.readout.none << to.readout.lsb
    batch = Batch()
    to.write(batch, "OPTSR_PRG", wanted, word)
    if to.guarded:
        for bank in range(len(to.chip.family.controllers)):
            batch.write(to.at(0x3C + 0x100 * bank), ALL if to.chip.family.name == "STM32H7A/H7B" else 0xFF)
    batch.write(control, OPTSTART)
    await to.memory.run(batch)
    await to.wait(current, OPT_BUSY)
    await to.memory.write32(control, OPTLOCK)
    if await to.memory.read32(current) & OPTCHANGEERR:
        raise FlashError(ATTEMPT, "the controller could not store them (OPTCHANGEERR)", "Try again after power-on.")


async def _product_state(to: OptionWriter) -> None:
    """H5: write protection alone; what the readout protection was is a life cycle that only ST's tools go back in.

    All registers are stored at once, so what firmware may have asked for in the others gives way to what is in force.
    """
    control = to.at(0x1C)
    await to.open(to.at(0x0C), control, OPTLOCK)
    batch = Batch()
    current, current2 = batch.read(to.at(0x50)), batch.read(to.at(0x70))
    await to.memory.run(batch)
    batch = Batch()
    to.write(batch, "OPTSR_PRG", to.at(0x54), current.value & ~0xFF00 | to.readout.none << to.readout.lsb)
    batch.write(to.at(0x74), current2.value)
    for bank in range(2):
        batch.write(to.at(0xEC + 0x100 * bank), 0xFF if to.chip.family.name == "STM32H503" else ALL)
    batch.write(control, OPTSTART)
    await to.run(batch)
    await to.memory.write32(control, OPTLOCK)


WRITERS: dict[str, Callable[[OptionWriter], Awaitable[None]]] = {
    **dict.fromkeys(("STM32F0", "STM32F1", "STM32F3"), _bytes),
    **dict.fromkeys(("STM32F2", "STM32F4", "STM32F7"), _optcr),
    **dict.fromkeys(("STM32L4", "STM32L4+", "STM32G0", "STM32G0B/G0C", "STM32C0", "STM32G4"), _optr),
    **dict.fromkeys(("STM32WB", "STM32WL", "STM32L5", "STM32U5"), _optr),
    **dict.fromkeys(("STM32L0", "STM32L1"), _nvm),
    **dict.fromkeys(("STM32H7", "STM32H72x/73x", "STM32H7A/H7B"), _optsr),
    **dict.fromkeys(("STM32H5", "STM32H503"), _product_state),
}
"""By the name of the family."""
