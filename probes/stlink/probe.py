"""The ST-Link as a Probe: opening, batches, closing. See ``..probe`` for what each method promises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Self

from ..access import Access, Poll, Read, ReadBlock, ReadCore, Require, Result, Write, WriteBlock, WriteCore
from ..attempt import check
from ..errors import AccessFaultError, ProbeError, ProbeGoneError, ProbeProtocolError, ProbeTimeoutError
from ..probe import ProbeInfo
from ..usb import UsbDevice
from . import commands
from .core import DHCSR, CoreRegisters
from .firmware import Feature, Firmware, parse_version, parse_version_ex
from .gather import Gathered, gather
from .identity import IDENTITIES
from .link import Link
from .memory import MemoryPort
from .plan import word_run
from .transport import Transport

__all__ = ["StLink"]

log = logging.getLogger(__name__)

_UPGRADE = "Update it with ST's tool STSW-LINK007, or use another probe."
# From three words on, one list (four transfers) is cheaper than single words (two each).
_SHORTEST_LIST = 3


class StLink:
    """An opened ST-Link/V2, V2-1 or V3."""

    def __init__(self, transport: Transport, link: Link, serial: str) -> None:
        self._transport = transport
        self._link = link
        self._memory = MemoryPort(link)
        self._core = CoreRegisters(link, self._memory)
        self._list_limit = link.firmware.rw_misc_items if link.firmware.has(Feature.RW_MISC) else 0
        # The core was seen to complete register transfers before they are looked at.
        self._quick = False
        # DHCSR bits that a read nobody asked for has cleared.
        self._kept = 0
        self._info = ProbeInfo(
            transport.identity.name, serial, str(link.firmware), f"stlink:{serial}", self._list_limit > 0
        )

    @classmethod
    def open(cls, device: UsbDevice, serial: str, sleep: Callable[[float], None]) -> Self:
        """Claim the probe, get in step with it and leave whatever mode it was left in.

        A probe that does not answer is reset once. Raises ProbeBusyError, ProbePermissionError,
        ProbeGoneError, ProbeTimeoutError, ProbeProtocolError (also for firmware that cannot debug).
        """
        transport = Transport(device, IDENTITIES[device.product_id], sleep)
        try:
            firmware = _identify(transport, _wake(transport))
            link = Link(transport, firmware, sleep)
            link.leave_modes()
        except ProbeError:
            transport.close()
            raise
        return cls(transport, link, serial)

    @property
    def info(self) -> ProbeInfo:
        """See Probe."""
        return self._info

    def voltage(self) -> float | None:
        """See Probe."""
        return self._link.voltage()

    def set_speed(self, khz: int) -> int:
        """See Probe."""
        return self._link.set_speed(khz)

    def connect(self) -> None:
        """See Probe. Also raises TargetPowerError and NoTargetError; may be called again after a lost target."""
        self._quick, self._kept = False, 0
        self._link.connect()
        self._memory.learn_window()

    def set_reset(self, asserted: bool) -> None:
        """See Probe."""
        self._link.set_reset(low=asserted)

    def run(self, accesses: Sequence[Access]) -> list[Result]:
        """See Probe."""
        check(accesses)
        results: list[Result] = []
        while len(results) < len(accesses):
            index = len(results)
            access = accesses[index]
            if isinstance(access, Require) and not _holds(access, results):
                return results + [None] * (len(accesses) - index)
            gathered = gather(accesses, index, self._list_limit, quick=self._quick) if self._list_limit else None
            length = word_run(accesses, index, self._list_limit) if self._list_limit else 0
            if gathered is not None:
                if not self._run_gathered(gathered, accesses, results):
                    return results + [None] * (len(accesses) - len(results))
            elif length >= _SHORTEST_LIST:
                results += self._run_list(accesses[index : index + length], index)
            else:
                results.append(self._run_one(access, index))
        return results

    def _run_gathered(self, gathered: Gathered, accesses: Sequence[Access], results: list[Result]) -> bool:
        """Carry out accesses with core registers among them; False when a condition ends the batch."""
        index = len(results)
        try:
            values = self._memory.run_words(gathered.words, index)
        except AccessFaultError as error:
            error.index = index + gathered.owner(error.index - index)
            raise
        found, late, kept = gathered.decode(values, index)
        self._kept |= kept
        for offset, result in enumerate(found):
            access = accesses[index + offset]
            if isinstance(access, Require) and not _holds(access, results):
                return False
            if offset in late and isinstance(access, ReadCore):
                result = self._core.read(access.registers, index + offset)
            results.append(self._with_kept(access, result))
        self._quick = not late
        return True

    def _with_kept(self, access: Access, result: Result) -> Result:
        if self._kept and isinstance(access, Read) and access.address == DHCSR and isinstance(result, int):
            result, self._kept = result | self._kept, 0
        return result

    def _run_list(self, run: Sequence[Access], index: int) -> list[Result]:
        words = self._memory.run_words(run, index)
        results = [self._with_kept(access, word) for access, word in zip(run, words, strict=True)]
        last = run[-1]
        if isinstance(last, Poll):
            first = results[-1]
            assert isinstance(first, int)
            results[-1] = self._memory.poll(last, index + len(run) - 1, first)
        return results

    def _run_one(self, access: Access, index: int) -> Result:
        match access:
            case Read():
                return self._with_kept(access, self._memory.read(access, index))
            case Write():
                self._memory.write(access, index)
            case ReadBlock(address, length):
                return self._memory.read_block(address, length, index)
            case WriteBlock(address, data):
                self._memory.write_block(address, data, index)
            case Poll():
                return self._memory.poll(access, index)
            case ReadCore(registers):
                return self._core.read(registers, index)
            case WriteCore(register, value):
                self._core.write(register, value, index)
        return None

    def close(self) -> None:
        """See Probe."""
        try:
            self._link.disconnect()
        except ProbeError as error:
            # A probe that is gone or stuck cannot be told good-bye; its USB handle is released all the same.
            log.debug("! closing: %s", error)
        finally:
            self._transport.close()


def _holds(condition: Require, results: Sequence[Result]) -> bool:
    word = results[condition.position]
    assert isinstance(word, int)
    return word & condition.mask == condition.value


def _wake(transport: Transport) -> bytes:
    """Open the probe and return its version answer; a probe that is stuck is reset once."""
    try:
        return transport.open()
    except (ProbeTimeoutError, ProbeProtocolError) as error:
        log.debug("! no version (%s), resetting the probe", error)
    try:
        return transport.restart()
    except (ProbeTimeoutError, ProbeProtocolError, ProbeGoneError) as error:
        raise type(error)(
            f"Opening the {transport.identity.name}",
            f"it did not answer, and a USB reset did not help ({error.seen})",
            "Unplug it, wait a second and plug it in again.",
        ) from error


def _identify(transport: Transport, answer: bytes) -> Firmware:
    """The firmware's version; raises ProbeProtocolError for firmware that cannot debug."""
    firmware = parse_version(answer)
    if firmware.hardware >= 3:
        firmware = parse_version_ex(transport.query(commands.GET_VERSION_EX))
    attempt = f"Opening the {transport.identity.name}"
    if firmware.hardware < 2:
        raise ProbeProtocolError(attempt, f"its firmware {firmware} is of the first generation", _UPGRADE)
    if firmware.jtag == 0:
        raise ProbeProtocolError(attempt, f"its firmware {firmware} can do SWIM only, not SWD", _UPGRADE)
    if firmware.outdated:
        log.warning("The probe's firmware %s is old; it works, but slowly. %s", firmware, _UPGRADE)
    return firmware
