"""Memory accesses as debug-port transactions: a Probe made of a DebugPort (ADIv5.2, IHI0031F part C2).

A batch of accesses becomes one batch of transactions, split only behind a Poll
and between register transfers and writes. CSW, TAR and SELECT are
remembered and written only when they change; whatever goes wrong drops what is remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final, cast

from ..probes.access import Access, Poll, Read, ReadCore, Require, Result, Write, WriteBlock, WriteCore
from ..probes.attempt import check
from ..probes.debug_port import SELECT, DapFaultError, DapWaitError, DebugPort, Transaction
from ..probes.errors import AccessFaultError, LinkError, NoTargetError, PollTimeoutError, WaitError
from ..probes.probe import Probe, ProbeInfo
from .adi_plan import NotReadyError, Place, Plan, PortState, attempt_for, select_word
from .dap import AP_IDR, AP_TAR, ApKind
from .link_check import check_memory, check_register, make_true
from .registers_debug import DCRDR, DCRSR, DHCSR

__all__ = ["AdiProbe", "memory_probe"]

log = logging.getLogger(__name__)

MEM_AP_CLASS: Final = 8  # AP_IDR.CLASS (IHI0031F C1.3)
HIGHEST_AP: Final = 3
AHB_KINDS: Final = (ApKind.AHB3, ApKind.AHB5, ApKind.AHB5_HPROT)
POLL_PAUSES: Final = (0.0, 0.0, 0.0005, 0.001, 0.002, 0.004, 0.008)
"""Seconds between two looks of a poll; after the last one it stays at that."""
CLEARED_BY_READING: Final = DHCSR.S_RESET_ST.mask | DHCSR.S_RETIRE_ST.mask

_FAULT_ADVICE = "Nothing may be there on this chip, its clock may be off, or readout protection may forbid it."
_WAIT_ADVICE = (
    "The target's bus is stuck: it may be asleep, in reset or without clock; try connecting under reset "
    "(--connect under-reset)."
)
_TIMEOUT_ADVICE = "The target did not do what it was told: check that it is powered, clocked and not held in reset."


def memory_probe(probe: Probe | DebugPort) -> Probe:
    """The probe itself if it reaches memory by its own means, else one built from its transactions."""
    return AdiProbe(cast("DebugPort", probe)) if hasattr(probe, "transact") else probe


class AdiProbe:
    """A Probe over a DebugPort, through the first MEM-AP of the chip. See ``Probe`` for what each method promises."""

    def __init__(self, port: DebugPort) -> None:
        self._port = port
        self._state = PortState()
        self._ap = 0
        self._kept = 0  # DHCSR bits that a read nobody asked for has cleared

    @property
    def info(self) -> ProbeInfo:
        """See Probe."""
        return self._port.info

    def voltage(self) -> float | None:
        """See Probe."""
        return self._port.voltage()

    def set_speed(self, khz: int) -> int:
        """See Probe."""
        return self._port.set_speed(khz)

    def set_reset(self, asserted: bool) -> None:
        """See Probe."""
        self._port.set_reset(asserted)

    def close(self) -> None:
        """See Probe."""
        self._port.close()

    # ------------------------------------------------------------------------------------ connecting
    def connect(self) -> None:
        """See Probe. The link is checked with a register that no program uses; it is slowed down until it is true."""
        self._state = PortState()
        self._kept = 0
        make_true("Connecting to the target", self._enter, self._port.slow_down)
        make_true(f"Checking the {self._port.wire} link", lambda: check_register(self.run), self._port.slow_down)

    def check_link(self) -> None:
        """Check the link with RAM, which is saved and restored; the core must be halted. Raises LinkError."""
        make_true(f"Checking the {self._port.wire} link", lambda: check_memory(self.run), self._port.slow_down)

    def _enter(self) -> str:
        self._state = PortState()
        self._port.connect()
        self._ap = self._find_memory_ap()
        return ""

    def _find_memory_ap(self) -> int:
        """The number of the access port behind which the core is; raises NoTargetError when there is none.

        That is the first one that leads to an AHB, else the first that leads to any memory: some chips put an APB-AP
        before it.
        """
        found: list[str] = []
        others: list[int] = []
        for ap in range(HIGHEST_AP + 1):
            batch = [
                Transaction(ap=False, read=False, address=SELECT, value=select_word(ap, AP_IDR.address)),
                Transaction(ap=True, read=True, address=AP_IDR.address & 0xC),
            ]
            identity = self._transact(batch)[1] or 0
            found.append(f"0x{identity:08X}")
            if AP_IDR(identity).CLASS == MEM_AP_CLASS:
                log.debug("AP %d: IDR 0x%08X", ap, identity)
                if AP_IDR(identity).TYPE in AHB_KINDS:
                    return ap
                others.append(ap)
        if others:
            return others[0]
        raise NoTargetError(
            "Looking for the access port to memory",
            f"none of the first {HIGHEST_AP + 1} access ports is one (IDR {', '.join(found)})",
            "Debug access may be locked (readout protection level 2), or the link is not true: try a lower speed.",
        )

    def _transact(self, batch: Sequence[Transaction]) -> list[int | None]:
        """Transactions on registers of the ports alone, which no bus can refuse."""
        try:
            return self._port.transact(batch)
        except DapFaultError as error:
            raise LinkError(
                "Accessing the debug port", "a register of an access port answered FAULT", "Connect again."
            ) from error
        except DapWaitError as error:
            raise WaitError("Accessing the debug port", "it kept answering WAIT", _WAIT_ADVICE) from error

    # ------------------------------------------------------------------------------------ batches
    def run(self, accesses: Sequence[Access]) -> list[Result]:
        """See Probe."""
        check(accesses)
        results: list[Result] = []
        while len(results) < len(accesses):
            start = len(results)
            end = _end_of_part(accesses, start)
            try:
                self._run_part(accesses, start, end, results)
            except NotReadyError as error:
                self._run_slowly(accesses, error.index, end, results)
        return results

    def _run_part(self, accesses: Sequence[Access], start: int, end: int, results: list[Result]) -> None:
        """Carry out accesses in one batch of transactions and append their results."""
        plan = Plan(self._state, self._ap, checkpoints=not self._port.refuses_at_once)
        for index in range(start, end):
            plan.add(index, accesses[index])
        values: Sequence[int | None] = ()
        failure: AccessFaultError | None = None
        if plan.transactions:
            # Until it is known what took effect, nothing is remembered.
            self._state = PortState()
            try:
                values = self._port.transact(plan.transactions)
                self._state = plan.state
            except DapFaultError as error:
                values = error.results
                failure = self._located(plan, error, accesses)
                end = failure.index
            except DapWaitError as error:
                raise _wait_error(accesses, plan.index_at(error.position)) from error
        if not self._decode(accesses, end, plan, values, results):
            return
        if failure is not None:
            raise failure
        last = accesses[end - 1]
        if isinstance(last, Poll):
            first = results[-1]
            assert isinstance(first, int)
            results[-1] = self._poll(last, end - 1, first)

    def _decode(
        self,
        accesses: Sequence[Access],
        end: int,
        plan: Plan,
        values: Sequence[int | None],
        results: list[Result],
    ) -> bool:
        """Append the results of the accesses before ``end``.

        When a condition does not hold, those of all that are left are appended, and the answer is False.
        """
        start = len(results)
        for index in range(start, end):
            access = accesses[index]
            if isinstance(access, Require):
                word = results[access.position]
                assert isinstance(word, int)
                if word & access.mask != access.value:
                    self._keep(plan, values)
                    results += [None] * (len(accesses) - index)
                    return False
            result = plan.decoders[index - start](values)
            if isinstance(access, Read) and access.address == DHCSR.address and access.width == 4:
                assert isinstance(result, int)
                result, self._kept = result | self._kept, 0
            results.append(result)
        self._keep(plan, values)
        return True

    def _keep(self, plan: Plan, values: Sequence[int | None]) -> None:
        """Remember for the next reader of DHCSR what our own reads of it have cleared."""
        for position in plan.hidden:
            self._kept |= (values[position] or 0) & CLEARED_BY_READING

    # ------------------------------------------------------------------------------------ failures
    def _located(self, plan: Plan, error: DapFaultError, accesses: Sequence[Access]) -> AccessFaultError:
        """Which access failed, where: TAR does not move past the address that failed (IHI0031F C2.2.2)."""
        place = self._failed_place(plan, error)
        attempt = attempt_for(accesses[place.index], place.index)
        seen = f"the bus refused the access to {place.address:#010x} ({self._port.wire}: FAULT)"
        return AccessFaultError(str(attempt), seen, _FAULT_ADVICE, address=place.address, index=place.index)

    def _failed_place(self, plan: Plan, error: DapFaultError) -> Place:
        """TAR tells which of several: it has moved past what went well.

        When it has moved past one and to none, the access behind that has not begun: its CSW or TAR was refused.
        """
        candidates = plan.places(error.first, error.last)
        if not candidates:
            return plan.place_after(error.first)
        select = Transaction(ap=False, read=False, address=SELECT, value=select_word(self._ap, AP_TAR.address))
        tar = self._transact([select, Transaction(ap=True, read=True, address=AP_TAR.address)])[1]
        exact = [place for place in candidates if place.tar == tar]
        if exact:
            return exact[0]
        passed = [place for place in candidates if place.tar + place.width == tar]
        behind = passed[-1].position + 1 if passed else error.last + 1
        if any(transaction.ap for transaction in plan.transactions[behind : error.last + 1]):
            return plan.place_after(behind)
        return candidates[0]

    # ------------------------------------------------------------------------------------ waiting
    def _poll(self, poll: Poll, index: int, first: int) -> int:
        """Look again until the awaited value is there; the timeout counts the pauses alone."""
        word, waited, look = first, 0.0, 0
        while word & poll.mask != poll.value:
            if waited >= poll.timeout:
                raise _poll_timeout(poll, word)
            pause = POLL_PAUSES[min(look, len(POLL_PAUSES) - 1)]
            look += 1
            if pause:
                self._port.sleep(pause)
                waited += pause
            word = self._look(poll.address, index)
        return word

    def _look(self, address: int, index: int) -> int:
        results: list[Result] = []
        try:
            self._run_part([Read(address)], 0, 1, results)
        except AccessFaultError as error:
            error.index = index
            raise
        word = results[0]
        assert isinstance(word, int)
        return word

    # ------------------------------------------------------------------------------------ slow cores
    def _run_slowly(self, accesses: Sequence[Access], start: int, end: int, results: list[Result]) -> None:
        """Repeat register transfers that were not complete in time, each waited for, and the reads behind them."""
        for index in range(start, end):
            access = accesses[index]
            match access:
                case ReadCore(registers):
                    results.append(tuple(self._read_register(register, index) for register in registers))
                case WriteCore(register, value):
                    self._run_part([Write(DCRDR.address, value)], 0, 1, [])
                    self._transfer(DCRSR.make(REGSEL=register, REGWnR=1), index)
                    results.append(None)
                case _:
                    self._run_part(accesses, index, index + 1, results)
            if len(results) == len(accesses):
                return

    def _read_register(self, register: int, index: int) -> int:
        self._transfer(register, index)
        return self._look(DCRDR.address, index)

    def _transfer(self, request: int, index: int) -> None:
        self._run_part([Write(DCRSR.address, request)], 0, 1, [])
        ready = DHCSR.S_REGRDY.mask
        poll = Poll(DHCSR.address, ready, ready)
        word = self._poll(poll, index, self._look(DHCSR.address, index))
        self._kept |= word & CLEARED_BY_READING


def _end_of_part(accesses: Sequence[Access], start: int) -> int:
    """How far one batch of transactions may go: to a Poll, or to a register transfer with writes behind it.

    Until such a transfer is known to be complete, nothing may follow that cannot be repeated.
    """
    for index in range(start, len(accesses) - 1):
        if isinstance(accesses[index], Poll):
            return index + 1
        if isinstance(accesses[index], (ReadCore, WriteCore)) and isinstance(
            accesses[index + 1], (Write, WriteBlock, Poll)
        ):
            return index + 1
    return len(accesses)


def _wait_error(accesses: Sequence[Access], index: int) -> WaitError:
    return WaitError(str(attempt_for(accesses[index], index)), "the target kept answering WAIT", _WAIT_ADVICE)


def _poll_timeout(poll: Poll, word: int) -> PollTimeoutError:
    return PollTimeoutError(
        f"Waiting for {poll.value:#010x} in the bits {poll.mask:#010x} of the word at {poll.address:#010x}",
        f"after {poll.timeout:g} s it still read {word:#010x}",
        _TIMEOUT_ADVICE,
        address=poll.address,
        last=word,
    )
