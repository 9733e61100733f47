"""A board: chip, probe and cable on one clock, wired together from a selector."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from .backend import SimBackend
from .bus import BusFault
from .chip import ChipModel
from .chips import chip_model
from .clock import PS_PER_SECOND, VirtualClock
from .errors import FirmwareError, SelectorError
from .ftdi.board import FtdiOptions, make_ftdi, make_swj
from .knobs import FaultKnobs
from .machine import Machine
from .selector import Selector, parse_selector
from .soc import make_soc
from .stlink.device import StLink
from .stlink.identity import identity
from .stlink.state import ProbeState, Quirks
from .usb import UsbDevice, UsbStats
from .wire import TargetWire

if TYPE_CHECKING:
    from .trio_clock import BoardClock

__all__ = ["Board", "open_board"]


class Board:
    """A simulated board. Made by :func:`open_board`; see the attributes for what tests and tools use."""

    def __init__(self, selector: Selector) -> None:
        self.selector = selector.text
        self.chip: ChipModel = _with_trustzone(chip_model(selector.chip), on=selector.tzen)
        self.clock = VirtualClock()
        self.machine = Machine(
            self.clock,
            self.chip.core,
            self.chip.core_hz,
            irqs=self.chip.interrupts,
            priority_bits=self.chip.priority_bits,
            mpu_regions=self.chip.mpu_regions,
            rom_table_part=self.chip.rom_table_part,
        )
        self.machine.scs.scb.words |= dict(self.chip.core_words)
        if self.chip.trustzone:
            self.machine.scs.become_secure()
        self.faults = FaultKnobs()
        self.soc = make_soc(
            self.chip,
            self.machine,
            hse=selector.hse,
            debug_active=lambda: self.wire.connected,
            volts=selector.vdd,
        )
        self.wire = TargetWire(self.machine, self.chip, self.soc.flash)
        self.wire.on_nrst = self.soc.expect_pin_reset
        self.wire.pins_taken = self.soc.debug_pins_taken
        self.swj = make_swj(self.chip, self.wire, self.faults)
        self.wire.present = selector.target
        self.wire.volts = selector.vdd
        self.probe: UsbDevice = self._make_ftdi(selector) if selector.is_ftdi else self._make_stlink(selector)
        self._connect_knobs(self.probe)
        self.backend = SimBackend(self.probe)
        self._fill(selector)
        if selector.power:
            self.machine.power_on()

    def _make_ftdi(self, selector: Selector) -> UsbDevice:
        return make_ftdi(
            FtdiOptions(
                selector.probe,
                wire=selector.wire,
                channel=selector.channel,
                nsrst=selector.nrst,
                ntrst=selector.trst,
                serial=selector.serial,
                latency=selector.latency,
                buffer=selector.buffer,
            ),
            self.swj,
        )

    def _make_stlink(self, selector: Selector) -> UsbDevice:
        one = identity(selector.probe, level=selector.level, serial=selector.serial, nrst=selector.nrst)
        quirks = Quirks.named(selector.quirks)
        self.wire.nrst_wired = one.nrst == "wired"
        self.wire.raise_unmodelled = quirks.raise_unmodelled
        self.soc.flash.open_lock_refuses_keys = quirks.open_lock_refuses_keys
        return StLink(ProbeState(one, self.wire, self.faults, quirks))

    @property
    def stlink(self) -> StLink:
        """The probe, where it is an ST-Link. Raises TypeError."""
        if not isinstance(self.probe, StLink):
            raise TypeError(f"The probe of {self.selector} is no ST-Link.")
        return self.probe

    def _connect_knobs(self, probe: UsbDevice) -> None:
        probe.before_bulk = self.faults.at_bulk
        keep: list[int] = []

        def shorten(packet: bytes) -> bytes:
            return packet[: keep.pop()] if keep else packet

        probe.shorten = shorten
        self.faults.actions = {
            "stall": probe.stall,
            "time_out": lambda _endpoint: probe.time_out(),
            "short": keep.append,
            "unplug": lambda _endpoint: self.unplug(),
            "power_loss": lambda _endpoint: self.power(on=False),
        }

    def _fill(self, selector: Selector) -> None:
        """Give RAM the noise it has after power-on, the option bytes their values, the flash its firmware."""
        bus = self.machine.bus
        noise = random.Random(self.chip.name)  # noqa: S311 - noise that is the same every time
        for ram in self.chip.rams:
            bus.patch(ram.base, noise.randbytes(ram.size))
        self.soc.set_options(rdp=selector.rdp, iwdg_hardware=selector.iwdg_hardware, protected=selector.wrp)
        if selector.firmware is not None:
            from .firmware import read_firmware

            for address, data in read_firmware(selector.firmware, self.chip.flash_base):
                self._check_range(address, len(data))
                self.write_flash(address, data)

    def _check_range(self, address: int, length: int) -> None:
        end = self.chip.flash_base + self.chip.flash_size
        if not self.chip.flash_base <= address <= address + length <= end:
            raise FirmwareError(
                f"The firmware does not fit: 0x{address:08X} to 0x{address + length:08X} is outside the flash of "
                f"{self.chip.name} (0x{self.chip.flash_base:08X} to 0x{end:08X})."
            )

    # --- time

    @property
    def seconds(self) -> float:
        """Virtual seconds since the board was made."""
        return self.clock.horizon / PS_PER_SECOND

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass; the chip catches up when somebody looks."""
        self.clock.advance(round(seconds * PS_PER_SECOND))

    def trio_clock(self, cushion: float = 0.0) -> BoardClock:
        """Return a clock for ``trio.run(..., clock=...)`` whose time is the board's; see BoardClock."""
        from .trio_clock import BoardClock

        return BoardClock(self.clock, cushion)

    # --- what crosses USB

    @property
    def stats(self) -> UsbStats:
        """Exact counts of transfers and bytes."""
        return self.probe.stats

    def unplug(self) -> None:
        """Pull the probe's USB plug. A target that the probe does not supply runs on."""
        self.probe.unplug()

    def plug(self) -> None:
        """Plug the probe in again."""
        self.probe.plug()

    # --- the target

    def power(self, on: bool) -> None:
        """Switch the target's supply."""
        if on == self.machine.powered:
            return
        if on:
            self.machine.power_on()
        else:
            self.machine.run_until_now()
            self.machine.power_off()
            self.wire.lose_power()
            self.swj.power_on()

    def read_flash(self, address: int, length: int) -> bytes:
        """Return what the array holds now; no time, no controller."""
        self._check_range(address, length)
        if self.machine.powered:
            self.machine.run_until_now()
        return self.machine.bus.peek(address, length)

    def write_flash(self, address: int, data: bytes) -> None:
        """Put ``data`` into the array, as if it had been there when power came; no time, no controller."""
        self._settle_damage(address, len(data), spoilt=False)
        try:
            self.machine.bus.patch(address, data)
        except BusFault as fault:
            raise FirmwareError(f"There is no flash at 0x{fault.address:08X}.") from fault
        if self.machine.powered:
            self.soc.flash.content_given()

    def spoil_flash(self, address: int, length: int) -> None:
        """Let the ECC of these bytes no longer fit: what a power loss leaves that tears their programming."""
        self._settle_damage(address, length, spoilt=True)

    def _settle_damage(self, address: int, length: int, *, spoilt: bool) -> None:
        for memory in self.machine.bus.memories:
            first, end = max(memory.base, address), min(memory.base + memory.size, address + length)
            if memory.damage is not None and first < end:
                (memory.damage.spoil if spoilt else memory.damage.heal)(first, end - first)


def _with_trustzone(chip: ChipModel, *, on: bool) -> ChipModel:
    """Return the chip with TZEN set. Raises SelectorError."""
    if on and not chip.flash_at_secure:
        raise SelectorError(f"The simulated {chip.name} has no TrustZone that tzen=1 could switch on.")
    return replace(chip, trustzone=on)


def open_board(selector: str) -> Board:
    """Make a board from ``sim:CHIP[,OPTION=VALUE]...``. Raises SelectorError or FirmwareError, both ValueError.

    Options: ``probe`` (stlink-v2, stlink-v2-1, stlink-v3, stlink-clone, ft2232h, ft4232h, ft232h), ``level`` (J28),
    ``serial``, ``firmware`` (a file), ``nrst`` (wired, none, swim), ``rdp`` (0, 1), ``wrp`` (0-3+12), ``power`` (on,
    off), ``vdd`` (volts, 3.25), ``target`` (present, none), ``iwdg`` (software, hardware), ``tzen`` (0, 1: TrustZone),
    ``hse`` (8000000, none), ``quirks`` (see stlink.state.Quirks). With an FTDI chip: ``wire`` (jtag, swd), ``channel``
    (a, b), pins of reset lines ``nrst`` and ``trst`` (ad4 to ad7, ac0 to ac7, none), ``buffer`` (the pin of a buffer in
    SWDIO: ac4, or !ac4 when active low), ``latency`` (clocks of the wire that each access to the bus takes more).
    """
    return Board(parse_selector(selector))
