"""A chip as its flash algorithms describe it, with what a pack, the command line or the table of chips adds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..probes.errors import UserError
from .chips import Chip
from .flm import Algorithm
from .flm_layout import CallLayout, lay_out_calls
from .memory_map import Mapped, Region, overlaid
from .pack import PackAlgorithm, PackDevice, PackMemory

__all__ = ["AlgorithmChip", "chip_of_algorithms", "chip_of_pack"]

SYSTEM_MAP = (
    Region("rom", "code", 0x0000_0000, 0x2000_0000),
    Region("ram", "SRAM area", 0x2000_0000, 0x2000_0000),
    Region("ram", "peripherals", 0x4000_0000, 0x2000_0000),
    Region("ram", "external memory", 0x6000_0000, 0x4000_0000),
    Region("ram", "external devices", 0xA000_0000, 0x4000_0000),
    Region("ram", "private peripheral bus and vendor's area", 0xE000_0000, 0x2000_0000),
)
"""What every Cortex-M has where (DDI0403E B3.1, DDI0419E B3.1), beneath what is known better."""
WORK = "RAM"


@dataclass(frozen=True, slots=True)
class AlgorithmChip(Mapped):
    """A chip whose flash is driven by algorithms; ``layouts`` are these, placed in RAM.

    ``known``: what the table of chips knows of it besides, None for a chip that is not in it.
    """

    name: str
    description: str
    regions: tuple[Region, ...]
    work: Region
    layouts: tuple[CallLayout, ...]
    known: Chip | None = None

    @property
    def ram(self) -> Region:
        """See Mapped."""
        return self.work

    def at(self, volts: float) -> AlgorithmChip:
        """The chip as it is to be programmed at this supply voltage."""
        return replace(self, known=self.known.at(volts)) if self.known else self

    def layout_at(self, address: int) -> CallLayout:
        """The algorithm for the flash at ``address``, which must be flash."""
        found = self.flash_at(address)
        assert found is not None
        return self.layouts[found.bank - 1]


def chip_of_algorithms(
    algorithms: Sequence[Algorithm], known: Chip | None = None, ram: tuple[int, int] | None = None
) -> AlgorithmChip:
    """A chip with these algorithms; ``ram`` (start, size) is for them, or that of a ``known`` chip.

    Raises UserError when there is neither, ImageError when it is too small.
    """
    files = ", ".join(algorithm.file for algorithm in algorithms)
    if ram is None and known is None:
        raise UserError(
            f"Using the flash algorithm {files}",
            "the chip is not known, and so it is not known where it has RAM",
            "Say where with --ram START:SIZE, for example --ram 0x20000000:0x2000, or name the chip with --chip.",
        )
    work = known.ram if ram is None and known else Region("ram", WORK, *(ram or (0, 0)))
    jobs = [PackAlgorithm(algorithm, algorithm.start, algorithm.size, 0, 0) for algorithm in algorithms]
    rest = [] if known is None else [_without_flash(region) for region in known.regions]
    name = known.name if known else algorithms[0].device or algorithms[0].file
    return _assemble(name, jobs, [work] * len(jobs), rest, known)


def chip_of_pack(
    device: PackDevice,
    algorithms: Sequence[Algorithm] = (),
    ram: tuple[int, int] | None = None,
    known: Chip | None = None,
) -> AlgorithmChip:
    """A device of a pack, with ``algorithms`` and ``ram`` in place of the pack's own where they are given.

    Of a chip that is ``known`` besides, the parts that the pack does not speak of are added.
    """
    own = [PackAlgorithm(algorithm, algorithm.start, algorithm.size, 0, 0) for algorithm in algorithms]
    jobs = own or list(device.algorithms)
    work = [Region("ram", WORK, *ram) if ram else _ram_for(device, job) for job in jobs]
    rest = [_without_flash(region) for region in known.regions] if known else []
    return _assemble(device.name, jobs, work, [*map(_region, device.memories), *rest], known)


def _assemble(
    name: str, jobs: Sequence[PackAlgorithm], work: Sequence[Region], rest: Sequence[Region], known: Chip | None
) -> AlgorithmChip:
    flash: list[Region] = []
    for number, job in enumerate(jobs, 1):
        mine = [replace(region, bank=number) for region in _clipped(name, job)]
        for region in mine:
            other = next((r for r in flash if region.start < r.end and r.start < region.end), None)
            if other is not None:
                seen = (
                    f"{job.algorithm.file} and {jobs[other.bank - 1].algorithm.file} are both for 0x{region.start:08X}"
                )
                raise UserError(f"Putting together the flash of {name}", seen, "Give one algorithm for each flash.")
        flash += mine
    regions = overlaid([*flash, *dict.fromkeys(work), *rest, *SYSTEM_MAP])
    kib = sum(region.size for region in flash) // 1024
    files = ", ".join(job.algorithm.file for job in jobs)
    layouts = tuple(lay_out_calls(ram, job.algorithm) for ram, job in zip(work, jobs, strict=True))
    return AlgorithmChip(name, f"{name}, {kib} KiB flash by {files}", regions, work[0], layouts, known)


def _clipped(name: str, job: PackAlgorithm) -> Iterator[Region]:
    """The algorithm's whole sectors in the part of the flash that the device has."""
    found = False
    for region in job.algorithm.regions:
        first = max(
            region.start, region.start + -(-(job.start - region.start) // region.sector_size) * region.sector_size
        )
        last = min(region.end, job.start + job.size)
        size = (last - first) // region.sector_size * region.sector_size
        if size > 0:
            found = True
            skipped = (first - region.start) // region.sector_size
            yield replace(region, start=first, size=size, number=region.number + skipped)
    if not found:
        algorithm = job.algorithm
        raise UserError(
            f"Using {algorithm.file} for {name}",
            f"by FlashDevice it is for 0x{algorithm.start:08X} to 0x{algorithm.start + algorithm.size - 1:08X}, "
            f"by the pack for 0x{job.start:08X} to 0x{job.start + job.size - 1:08X}",
            "Give another algorithm with --flm.",
        )


def _ram_for(device: PackDevice, job: PackAlgorithm) -> Region:
    """What the algorithm asks for, else the device's usual RAM, else the largest."""
    rams = [memory for memory in device.memories if memory.writable]
    if job.ram_size:
        return Region("ram", WORK, job.ram_start, job.ram_size)
    if job.ram_start:
        around = [m for m in rams if m.start <= job.ram_start < m.start + m.size]
        if around:
            return Region("ram", WORK, job.ram_start, around[0].start + around[0].size - job.ram_start)
    if not rams:
        seen = "the pack does not say where it has RAM"
        raise UserError(f"Using the pack's {device.name}", seen, "Say where with --ram START:SIZE.")
    best = max(rams, key=lambda memory: (memory.usual, memory.size))
    return Region("ram", WORK, best.start, best.size)


def _region(memory: PackMemory) -> Region:
    return Region("ram" if memory.writable else "rom", memory.name, memory.start, memory.size)


def _without_flash(region: Region) -> Region:
    """Flash for which there is no algorithm is only read."""
    return replace(region, kind="rom", sector_size=0) if region.kind == "flash" else region
