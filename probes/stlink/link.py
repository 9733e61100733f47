"""The probe as a debug adapter: checked commands, WAIT and FAULT, modes, reset line, supply, speed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from ..errors import HaltpointError, LinkError, NoTargetError, ProbeProtocolError, TargetPowerError
from . import commands
from .commands import Command, Mode
from .firmware import Feature, Firmware
from .speeds import FIXED_KHZ, SWD_DIVISORS, choose_speed, parse_speed_list
from .status import NO_DEVICE, OK, OTHER_MODE, Attempt, Kind, error_for, status_of
from .transport import Transport

__all__ = ["Link", "Patience"]

log = logging.getLogger(__name__)

# Seconds between repetitions of an access that was answered with WAIT.
WAIT_PAUSES = tuple(0.001 * 2**n for n in range(8))
# Below this supply no STM32 debug port is reliable (their lowest VDD is 1.65 V).
LOWEST_VOLTAGE = 1.5

# ADIv5.2 B2.2.1: DP ABORT and its bits.
ABORT = 0x0
ABORT_CLEAR_STICKY = 0x1E  # ORUNERRCLR, WDERRCLR, STKERRCLR, STKCMPCLR
# AP IDR: CLASS of a MEM-AP, TYPEs of those that lead to an AHB (IHI0031F C1.3).
IDR = 0xFC
MEM_AP, AHB_TYPES = 8, (0x1, 0x5, 0x8)
HIGHEST_AP = 3
SYSTEM_CONTROL_SPACE = range(0xE000_E000, 0xE000_F000)
ABORT_STUCK_TRANSFER = 0x01  # DAPABORT; for a target that has kept answering WAIT

_LEAVE: dict[int, Command] = {
    Mode.DFU: commands.DFU_EXIT,
    Mode.DEBUG: commands.DEBUG_EXIT,
    Mode.SWIM: commands.SWIM_EXIT,
}
_CONNECTING = Attempt("Connecting to the target by SWD")


class Link:
    """One ST-Link's debug side. ``sleep`` takes seconds and is the only way this driver waits.

    Raises ProbeError and LinkError; what is done for a bus access may also raise AccessFaultError.
    """

    def __init__(self, transport: Transport, firmware: Firmware, sleep: Callable[[float], None]) -> None:
        self.transport = transport
        self.firmware = firmware
        self.sleep = sleep
        self.connected = False
        self.speed_khz = transport.identity.speed_khz  # what was asked for; set at every connect
        self.ap = 0  # behind which the core is
        self._looked = False  # for another one
        self._reset_low = False
        self._entered = False  # since the last ENTER there was no DEBUG_EXIT

    # Commands

    def checked(self, command: Command, attempt: Attempt, *, also: int = OK, address: int | None = None) -> bytes:
        """Send a command whose answer begins with a status; return the answer once that is OK (or ``also``).

        ``address`` is what a fault concerns where that is not the attempt's address.
        """
        patience = Patience(self)
        while True:
            answer = self.transport.query(command)
            if answer[0] in (OK, also):
                return answer
            patience.take(answer[0], attempt, address)

    def clear_sticky(self) -> None:
        """Clear the debug port's sticky flags, which make it refuse every access after a FAULT."""
        if self.firmware.has(Feature.DAP_REGISTERS):
            self._abort(ABORT_CLEAR_STICKY)
        else:
            # Old firmware has no way to the debug port's registers; it initialises the port when it enters.
            self.transport.order(commands.DEBUG_EXIT)
            self._enter()

    def abort_transfer(self) -> None:
        """Make the access port give up a transfer that never ends, where the firmware can."""
        if self.firmware.has(Feature.DAP_REGISTERS):
            self._abort(ABORT_STUCK_TRANSFER | ABORT_CLEAR_STICKY)

    def _abort(self, bits: int) -> None:
        status = self.transport.query(commands.write_debug_port(ABORT, bits))[0]
        if status_of(status).kind is not Kind.DONE:
            log.debug("! ABORT %#x answered with status %#04x", bits, status)

    def open_ap(self) -> None:
        """Open the core's access port where the firmware wants that."""
        if self.firmware.has(Feature.AP_OPENING):
            status = self.transport.query(commands.open_ap(self.ap))[0]
            if status != OK:
                raise self._with_supply(_connect_error(status))

    def find_core(self) -> bool:
        """Look once a connection whether the core is behind another access port than 0; True if it now goes there.

        To be called when the system control space, which every core has, could not be reached: the first AHB-AP is
        the core's.
        """
        if self._looked or not self.firmware.has(Feature.AP_OPENING):
            return False
        self._looked = True
        self.clear_sticky()
        for ap in range(HIGHEST_AP + 1):
            answer = self.transport.query(commands.read_ap_register(ap, IDR))
            identity = int.from_bytes(answer[4:8], "little")
            if answer[0] == OK and identity >> 13 & 0xF == MEM_AP and identity & 0xF in AHB_TYPES:
                break
        else:
            return False
        if ap == self.ap:
            return False
        log.debug("the core is behind access port %d", ap)
        self.ap = ap
        self.open_ap()
        return True

    # Modes

    def mode(self) -> int:
        """The mode the probe is in."""
        return self.transport.query(commands.GET_CURRENT_MODE)[0]

    def leave_modes(self) -> None:
        """Leave whatever mode an earlier session, or power-up, left the probe in."""
        self.connected = self._entered = False
        leave = _LEAVE.get(self.mode())
        if leave is not None:
            self.transport.order(leave)

    def connect(self) -> None:
        """Enter SWD debug mode from any mode and open an access port. NRST stays as ``set_reset`` left it.

        Raises TargetPowerError, NoTargetError, LinkError, ProbeError.
        """
        self.leave_modes()
        self.ap, self._looked = 0, False
        if self.mode() != Mode.DFU:
            self._require_supply()
        self.set_speed(self.speed_khz)
        self._enter()
        mode = self.mode()
        if mode != Mode.DEBUG:
            advice = "Unplug the probe and plug it in again."
            raise ProbeProtocolError(str(_CONNECTING), f"the probe is in mode {mode} in place of debug mode", advice)
        self.open_ap()
        self.connected = True

    def _enter(self) -> None:
        """Switch the wire to SWD, connect and power up the debug port at the speed chosen."""
        if self._reset_low:
            # Before ENTER the probe may take the wrong pin or refuse; it is told again afterwards.
            self.transport.query(commands.drive_nrst(low=True))
        status = self.transport.query(commands.ENTER_SWD)[0]
        if status == OTHER_MODE:
            self.transport.order(commands.DEBUG_EXIT)
            status = self.transport.query(commands.ENTER_SWD)[0]
        if status != OK:
            raise self._with_supply(_connect_error(status))
        self._entered = True
        if self._reset_low:
            self.checked(commands.drive_nrst(low=True), Attempt("Pulling NRST low"))

    def disconnect(self) -> None:
        """Close the access port, let go of NRST and leave debug mode."""
        if self._reset_low:
            self.transport.query(commands.drive_nrst(low=False))
            self._reset_low = False
        if self.connected and self.firmware.has(Feature.AP_OPENING):
            status = self.transport.query(commands.close_ap(self.ap))[0]
            # J28 answers 0x1D to a close that worked.
            if status != OK and self.firmware.has(Feature.CLOSE_AP_STATUS):
                log.debug("! CLOSE_AP_DBG answered with status %#04x", status)
        if self._entered:
            self.transport.order(commands.DEBUG_EXIT)
        self.connected = self._entered = False

    # Supply, reset line, speed

    def voltage(self) -> float | None:
        """The target's supply in volts; None where the probe cannot measure it."""
        if not self.firmware.has(Feature.TARGET_VOLTAGE):
            return None
        answer = self.transport.query(commands.GET_TARGET_VOLTAGE)
        reference = int.from_bytes(answer[0:4], "little")
        sample = int.from_bytes(answer[4:8], "little")
        # The reference is 1.2 V, the sample comes through a divider by two. Clones leave the reference at 0.
        return 2 * sample * 1.2 / reference if reference else None

    def _require_supply(self) -> None:
        volts = self.voltage()
        if volts is not None and volts < LOWEST_VOLTAGE:
            raise _no_supply(_CONNECTING, volts)

    def _with_supply(self, error: HaltpointError) -> HaltpointError:
        """The error, or the missing supply where that explains it."""
        if not isinstance(error, LinkError) or isinstance(error, TargetPowerError):
            return error
        volts = self.voltage()
        return error if volts is None or volts >= LOWEST_VOLTAGE else _no_supply(error.attempt, volts)

    def failure(self, code: int, attempt: Attempt, fault_address: int | None = None) -> HaltpointError:
        """The error that a final status means, after what it needs has been done on the wire."""
        kind = status_of(code).kind
        if kind is Kind.FAULT and attempt.on_bus:
            self.clear_sticky()
        elif kind is Kind.WAIT:
            self.abort_transfer()
        error = error_for(code, attempt, fault_address)
        return self._with_supply(error) if kind in (Kind.LOST, Kind.NO_TARGET) else error

    def set_reset(self, *, low: bool) -> None:
        """Pull NRST low or let it go. Before ``connect`` a refusal is no error: connecting repeats it."""
        self._reset_low = low
        attempt = Attempt("Pulling NRST low" if low else "Releasing NRST")
        if self.connected:
            self.checked(commands.drive_nrst(low=low), attempt)
            return
        status = self.transport.query(commands.drive_nrst(low=low))[0]
        if status != OK:
            log.debug("! %s answered with status %#04x before connecting", attempt, status)

    def set_speed(self, khz: int) -> int:
        """Choose the fastest speed not above ``khz``, else the slowest; return it in kHz as ST names it."""
        self.speed_khz = khz
        attempt = Attempt(f"Setting the SWD speed to {khz} kHz")
        if self.firmware.has(Feature.COM_FREQUENCY):
            available = parse_speed_list(self.checked(commands.GET_COM_FREQ, attempt))
            if not available:
                raise ProbeProtocolError(str(attempt), "the probe offers no speed at all", "Update its firmware.")
            answer = self.checked(commands.set_com_frequency(choose_speed(khz, available)), attempt)
            return int.from_bytes(answer[4:8], "little")
        if self.firmware.has(Feature.SWD_DIVISOR):
            chosen = choose_speed(khz, tuple(SWD_DIVISORS))
            self.checked(commands.set_swd_divisor(SWD_DIVISORS[chosen]), attempt)
            return chosen
        return FIXED_KHZ


class Patience:
    """Decides about each status other than OK: repeat the access (``take`` returns), or raise.

    One object per access. WAIT is repeated after ever longer pauses, a closed access port is opened once.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._pauses: Iterator[float] = iter(WAIT_PAUSES)
        self._reopened = False
        self._doubted = link.firmware.has(Feature.TRUE_FAULTS)

    def take(self, code: int, attempt: Attempt, fault_address: int | None = None) -> None:
        """Return when the access shall be repeated; raise the error that it is otherwise."""
        kind = status_of(code).kind
        if kind is Kind.WAIT:
            pause = next(self._pauses, None)
            if pause is not None:
                self._link.sleep(pause)
                return
        if kind is Kind.CLOSED_AP and not self._reopened:
            self._reopened = True
            self._link.open_ap()
            return
        if kind is Kind.FAULT and not self._doubted:
            # Early V3 firmware says FAULT to a slow access: believe it the second time.
            self._doubted = True
            self._link.clear_sticky()
            self._link.sleep(WAIT_PAUSES[1])
            return
        if kind is Kind.FAULT and attempt.address in SYSTEM_CONTROL_SPACE and self._link.find_core():
            return
        raise self._link.failure(code, attempt, fault_address)


def _no_supply(attempt: Attempt | str, volts: float) -> TargetPowerError:
    return TargetPowerError(
        str(attempt),
        f"the probe measures {volts:.2f} V at the target",
        "Switch the target on, and check that its supply is wired to the probe's VTref pin.",
    )


def _connect_error(code: int) -> HaltpointError:
    """While connecting, an access that waits or faults means that nobody is there."""
    error = error_for(code, _CONNECTING)
    if status_of(code).kind in (Kind.FAULT, Kind.WAIT, Kind.CLOSED_AP):
        return NoTargetError(error.attempt, error.seen, error_for(NO_DEVICE, _CONNECTING).advice)
    return error
