"""From a probe selector to a target under control, and back: what is opened for a server's life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from ..arm.core import ConnectMode, CortexM
from ..arm.memory import Executor, Memory
from ..arm.reset import ResetKind
from ..flash.chips import DEFAULT_VOLTS, Chip, set_up_debug
from ..flash.errors import UnknownChipError
from ..flash.flm_chip import AlgorithmChip
from ..flash.flm_engine import FlmEngine
from ..flash.selection import Selection
from ..flash.session import FlashSession
from ..flash.unlock import FlashGuard
from ..probes.debug_port import DebugPort
from ..probes.errors import HaltpointError, LinkError, TargetError
from ..probes.probe import Probe
from .capabilities import GuardCapability
from .connecting import connect
from .flash_breakpoints import FlashBreakpoints
from .plain_flash import PlainFlash
from .progress import terminal_watcher
from .second_core import second_core
from .semihosting.service import Semihosting, SemihostingOptions
from .target import Target

__all__ = ["BoardOptions", "BoardTarget"]

log = logging.getLogger(__name__)

KIB = 1024
CLOSE_DEADLINE = 5.0


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """What the command line says about the board. An empty ``chip`` means: identify it; ``speed`` is in kHz.

    ``volts`` is the target's supply where the probe does not measure it, or measures it wrong. ``erase_gaps``: a load
    erases what it does not write in the sectors that it changes. Without ``memory_map`` clients learn of no flash,
    and what they write there by plain writes is programmed.
    """

    chip: Selection = field(default_factory=Selection)
    speed: int | None = None
    mode: ConnectMode = ConnectMode.HALT
    volts: float | None = None
    semihosting: SemihostingOptions = field(default_factory=SemihostingOptions)
    flash_breakpoints: bool = False
    reset: ResetKind = ResetKind.SYSTEM
    erase_gaps: bool = False
    memory_map: bool = True


class BoardTarget:
    """A TargetSource for one probe. ``open_probe`` opens it; called again after it was lost."""

    def __init__(self, open_probe: Callable[[], Probe | DebugPort], executor: Executor, options: BoardOptions) -> None:
        self._open_probe = open_probe
        self._executor = executor
        self._options = options
        self._probe: Probe | DebugPort | None = None
        self._target: Target | None = None
        self._memory: Memory | None = None
        self._known: Chip | None = None
        # BKPT instructions in flash that could not be taken out because the probe was lost, with what they replaced.
        self._left: Mapping[int, int] = {}

    async def open(self) -> tuple[str, ...]:
        """Open the probe, find the chip, and return lines about both; raises HaltpointError.

        The program on the target is not stopped, unless it is to be connected to under reset.
        """
        if self._target is None:
            try:
                self._target = await self._build()
            except BaseException:
                await self.close()
                raise
        return self._target.facts

    async def _build(self) -> Target:
        run = self._executor.run
        probe = self._probe = await run(self._open_probe)
        if self._options.speed is not None:
            khz = self._options.speed
            log.info("Wire clock: %d kHz", await run(lambda: probe.set_speed(khz)))
        core = CortexM(Memory(probe, self._executor))
        under_reset = self._options.mode is ConnectMode.UNDER_RESET
        await connect(core, ConnectMode.UNDER_RESET if under_reset else ConnectMode.ATTACH)
        voltage = await run(probe.voltage)
        chip = await self._find_chip(core, self._options.volts or voltage or DEFAULT_VOLTS)
        target = Target(
            core,
            chip.regions if chip else None,
            _flash_session(core, chip, erase_gaps=self._options.erase_gaps) if chip else None,
            facts=(*_probe_facts(probe, voltage), *_chip_facts(core, chip)),
            leave_running=self._options.mode is ConnectMode.ATTACH,
        )
        target.reset_kind = self._options.reset
        target.interceptors.append(Semihosting(self._options.semihosting))
        if chip is not None and self._options.flash_breakpoints:
            target.flash_breakpoints = await self._flash_breakpoints(core, chip)
        if chip is not None and target.flash is not None and not self._options.memory_map:
            target.plain_flash = PlainFlash(target.flash, chip.regions)
        target.guard = FlashGuard(core, self._known) if self._known else None
        # A core that stands, at its reset vector or where an earlier debugger left it, is kept for the client;
        # one that runs does so without halting debug, which would stop it at a fault with nobody there.
        target.attached = await core.poll() is not None
        if not target.attached:
            await core.detach()
        self._memory = core.memory
        return target

    async def _flash_breakpoints(self, core: CortexM, chip: Chip | AlgorithmChip) -> FlashBreakpoints:
        core.spare_ram = (chip.ram.start, chip.ram.size)
        session = _flash_session(core, chip, erase_gaps=False)  # a breakpoint changes two bytes, whatever a load does
        breakpoints = FlashBreakpoints(core, session, chip.regions)
        await breakpoints.adopt(self._left)
        self._left = {}
        return breakpoints

    async def _find_chip(self, core: CortexM, volts: float) -> Chip | AlgorithmChip | None:
        """None for a chip that is not known: all but its flash can be debugged."""
        try:
            chip = (await self._options.chip.resolve(core.memory)).at(volts)
        except UnknownChipError as error:
            log.warning("%s Until then there is no memory map, and flash is not programmed.", error)
            return None
        self._known = chip.known if isinstance(chip, AlgorithmChip) else chip
        return chip

    async def acquire(self) -> Target:
        """See TargetSource. With ``--connect attach`` the core runs on until the client wants it to stop."""
        await self.open()
        assert self._target is not None
        # Once for each client: the target may have lost its power in between. And before the halt: a fast watchdog
        # would else start the firmware again behind it.
        try:
            await self._set_up_debug()
        except (LinkError, TargetError) as error:
            log.debug("! debug cannot be set up yet: %s", error)
            await self._target.attach()  # gets hold of a chip that is out of reach, or says why not
            await self._set_up_debug()
        await self._target.attach()
        return self._target

    async def _set_up_debug(self) -> None:
        if self._known is not None and self._memory is not None:
            await set_up_debug(self._memory, self._known)

    async def guard(self) -> GuardCapability | None:
        """The chip's protection; the chip may be running. None where nothing is known of it."""
        await self.open()
        return self._target.guard if self._target else None

    async def forget(self) -> None:
        """See TargetSource."""
        await self._close_probe()

    async def close(self) -> None:
        """Let the target run and release the probe. Never raises for a probe that is gone."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_DEADLINE):
            try:
                if self._target is not None:
                    await self._target.detach()
            except HaltpointError as error:
                log.warning("%s", error)
            await self._close_probe()

    async def _close_probe(self) -> None:
        self._note_what_is_left()
        probe, self._probe, self._target = self._probe, None, None
        if probe is not None:
            await self._executor.run(probe.close)

    def _note_what_is_left(self) -> None:
        breakpoints = self._target.flash_breakpoints if self._target else None
        if breakpoints is None or not breakpoints.standing:
            return
        self._left = breakpoints.standing
        log.warning(
            "Breakpoints are left in flash (%s): they are taken out once this server has reached the board again. "
            "If it ends before that, load the program anew.",
            ", ".join(f"0x{place:08x}" for place in sorted(self._left)),
        )


def _flash_session(core: CortexM, chip: Chip | AlgorithmChip, *, erase_gaps: bool) -> FlashSession:
    engine = FlmEngine(core, chip) if isinstance(chip, AlgorithmChip) else None
    session = FlashSession(core, chip, engine, erase_gaps=erase_gaps)
    session.watcher = terminal_watcher()
    return session


def _probe_facts(probe: Probe | DebugPort, voltage: float | None) -> tuple[str, ...]:
    info = probe.info
    return (
        f"Probe: {info.kind}, firmware {info.firmware}, serial number {info.serial}",
        "Target voltage: " + ("not measured by this probe" if voltage is None else f"{voltage:.2f} V"),
    )


def _chip_facts(core: CortexM, chip: Chip | AlgorithmChip | None) -> tuple[str, ...]:
    named = f"Chip: {chip.name if chip else 'not known'}, {core.info.name} {core.info.revision}"
    if chip is None:
        return (named,)
    flash = ", ".join(f"{size // KIB} KiB at 0x{start:08X}" for start, size in chip.banks)
    by = ", ".join(layout.algorithm.file for layout in chip.layouts) if isinstance(chip, AlgorithmChip) else ""
    return (
        named,
        f"Flash: {flash}" + (f", by {by}" if by else ""),
        f"RAM: {chip.ram.size // KIB} KiB at 0x{chip.ram.start:08X}",
        *second_core(chip.name),
    )
