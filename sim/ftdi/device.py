"""An FTDI chip as a USB device: SIO requests, two status bytes before every 510 of data, FIFOs, latency timer."""

from __future__ import annotations

from ..clock import VirtualClock
from ..errors import SimulationError
from ..usb import UNTIMED, Setup, UsbDevice, UsbFailure, UsbReason
from .identity import COSTS, FtdiChip
from .mpsse import Mpsse
from .wiring import Wiring

__all__ = ["Channel", "Ftdi"]

MS = 1_000_000_000
PACKET = 512
PAYLOAD = PACKET - 2
# SIO requests (FTDI's D2XX names; numbers as libftdi and pyftdi send them)
RESET, MODEM_CONTROL, FLOW_CONTROL, BAUD_RATE, LINE, MODEM_STATUS, EVENT_CHARACTER, ERROR_CHARACTER = range(8)
SET_LATENCY, GET_LATENCY, SET_BITMODE, READ_PINS = 0x09, 0x0A, 0x0B, 0x0C
READ_EEPROM, WRITE_EEPROM, ERASE_EEPROM = 0x90, 0x91, 0x92
PURGE_RECEIVED, PURGE_REPLIES = 1, 2  # values of RESET: what the host wrote, what it has not read
MODE_RESET, MODE_MPSSE = 0, 2
STATUS_UART, STATUS_MPSSE = b"\x01\x60", b"\x32\x60"


class Channel:
    """One interface: an MPSSE, where the chip has one here, or a UART to which nothing is connected."""

    def __init__(self, chip: FtdiChip, wiring: Wiring, *, has_mpsse: bool) -> None:
        self.chip = chip
        self.wiring = wiring
        self.mpsse = Mpsse(wiring, self._room) if has_mpsse else None
        self.replies = self.mpsse.reply if self.mpsse is not None else bytearray()
        self.power_on()

    def power_on(self) -> None:
        """The chip's own reset: a UART, 16 ms."""
        self.latency = 16
        self.last_sent = 0
        self.set_bitmode(MODE_RESET)

    def _room(self) -> int:
        return self.chip.fifo - len(self.replies)

    @property
    def status(self) -> bytes:
        """The two modem status bytes."""
        return STATUS_MPSSE if self.bitmode == MODE_MPSSE else STATUS_UART

    @property
    def full(self) -> bool:
        """True while the FIFO takes no further packet from the host."""
        return self.mpsse is not None and self.mpsse.backlog >= self.chip.fifo

    def take(self, data: bytes) -> None:
        """Take a packet; what a UART is sent leaves by its TXD."""
        if self.bitmode == MODE_MPSSE and self.mpsse is not None:
            self.mpsse.feed(data)

    def go_on(self) -> None:
        """Carry on, now that there may be room for replies."""
        if self.bitmode == MODE_MPSSE and self.mpsse is not None:
            self.mpsse.run()

    def reset(self) -> None:
        """SIO reset, or power-on."""
        self.purge(PURGE_RECEIVED)
        self.purge(PURGE_REPLIES)

    def purge(self, which: int) -> None:
        """Empty one FIFO."""
        if self.mpsse is None:
            return
        if which == PURGE_RECEIVED:
            self.mpsse.drop_input()
        else:
            self.mpsse.reply.clear()
            self.mpsse.flush = False

    def set_bitmode(self, mode: int) -> None:
        """Change the mode; entering or leaving MPSSE mode lets go of all pins."""
        if mode not in {MODE_RESET, MODE_MPSSE}:
            raise SimulationError(f"FTDI bit mode 0x{mode:02X} is not modelled; only reset (0) and MPSSE (2) are.")
        if mode == MODE_MPSSE and self.mpsse is None:
            raise UsbFailure(UsbReason.STALL)
        self.bitmode = mode
        if self.mpsse is not None:
            self.reset()
            self.mpsse.reset()


class Ftdi(UsbDevice):
    """The chip on the bus. ``channels`` are its interfaces in order."""

    def __init__(self, chip: FtdiChip, clock: VirtualClock, channels: list[Channel], serial: str = "") -> None:
        super().__init__(chip.descriptor(serial), clock, COSTS)
        self.chip = chip
        self.channels = channels

    # --- bulk

    def on_out(self, endpoint: int, data: bytes) -> None:
        """Take what the FIFO takes; a packet that it has no room for is refused until the transfer times out.

        A transfer without a timeout waits at the host for as long as it takes: its bytes are taken as if the FIFO were
        larger.
        """
        channel = self.channels[(endpoint & 0xF) // 2 - 1]
        for start in range(0, len(data), PACKET):
            if channel.full and self._timeout_ms != UNTIMED:
                self._settle(channel)
                self.time_out()
            channel.take(data[start : start + PACKET])
        self._settle(channel)

    def on_in(self, endpoint: int, length: int, timeout_ms: int) -> None:
        """Make the packets of an IN transfer: full ones at once, a last short one by SEND_IMMEDIATE or the timer."""
        channel = self.channels[(endpoint & 0xF) // 2]
        room = length - self.pending(endpoint)
        while room > 0:
            channel.go_on()
            self._settle(channel)
            available = len(channel.replies)
            if available < PAYLOAD and not self._may_send(channel, available, timeout_ms):
                return
            size = min(available, PAYLOAD)
            self.send(endpoint, channel.status + bytes(channel.replies[:size]))
            del channel.replies[:size]
            channel.last_sent = self.clock.now
            room -= PACKET
            if size < PAYLOAD:
                return

    def _may_send(self, channel: Channel, available: int, timeout_ms: int) -> bool:
        """Decide whether a short packet goes out now; wait for the latency timer as long as the transfer lasts."""
        if channel.mpsse is not None and channel.mpsse.flush:
            channel.mpsse.flush = False
            if available:
                return True
        wait = channel.last_sent + channel.latency * MS - self.clock.now
        if wait <= 0:
            return True
        if timeout_ms == UNTIMED or wait > timeout_ms * MS:
            return False
        self.clock.advance(wait)
        return True

    def _settle(self, channel: Channel) -> None:
        channel.wiring.wire.settle()

    # --- control

    def on_control(self, setup: Setup) -> bytes:
        """Answer an SIO request to the chip."""
        number = setup.index & 0xFF
        if number > len(self.channels) or setup.request_type & 0x7F != 0x40:
            raise UsbFailure(UsbReason.STALL)
        channel = self.channels[max(number - 1, 0)]
        if setup.request_type & 0x80:
            return self._query(channel, setup)
        if setup.request == RESET:
            channel.purge(setup.value) if setup.value else channel.reset()
        elif setup.request == SET_LATENCY:
            channel.latency = setup.value & 0xFF
        elif setup.request == SET_BITMODE:
            channel.set_bitmode(setup.value >> 8)
        elif setup.request not in _IGNORED:
            raise UsbFailure(UsbReason.STALL)
        return b""

    def _query(self, channel: Channel, setup: Setup) -> bytes:
        if setup.request == MODEM_STATUS:
            return channel.status
        if setup.request == GET_LATENCY:
            return bytes([channel.latency])
        if setup.request == READ_PINS:
            return bytes([channel.wiring.read() & 0xFF])
        if setup.request == READ_EEPROM:
            return b"\xff\xff"
        raise UsbFailure(UsbReason.STALL)

    def on_reset(self) -> None:
        """All channels are UARTs again after a bus reset or a new plug."""
        for channel in self.channels:
            channel.power_on()

    def unplug(self) -> None:
        """See UsbDevice: the chip has no power any more and lets go of its pins."""
        self.on_reset()
        super().unplug()


_IGNORED = {MODEM_CONTROL, FLOW_CONTROL, BAUD_RATE, LINE, EVENT_CHARACTER, ERROR_CHARACTER, WRITE_EEPROM, ERASE_EEPROM}
"""Requests that concern the UART, or an EEPROM that is not there."""
