"""JTAG-DP: the TAP in front of a debug port (IHI0031C B3)."""

from __future__ import annotations

from .debug_port import ABORT, CTRL_STAT, RDBUFF, SELECT, DebugPort

__all__ = ["JtagDp"]

ABORT_IR, DPACC, APACC, IDCODE, BYPASS = 0b1000, 0b1010, 0b1011, 0b1110, 0b1111
OK_FAULT, WAIT = 0b010, 0b001
SCAN = 35


class JtagDp:
    """The TAP of a debug port: 4-bit IR, of which IDCODE, ABORT, DPACC and APACC select registers.

    A scan's captured value belongs to the access before it. What real ones showed: after an AP access it is the last
    AP read result, whether or not the access was a read or was ignored; after a DP access it is the register as it is
    when captured.
    """

    ir_length = 4

    def __init__(self, port: DebugPort) -> None:
        self.port = port
        self.reset()

    def reset(self) -> None:
        """Test-Logic-Reset selects IDCODE; the debug port keeps its state; the next capture reads 0 (F103)."""
        self.instruction = IDCODE
        self.last: int | None = RDBUFF  # address of the last DP access; None after an AP access
        self._waiting = False

    def capture_ir(self) -> int:
        """Return the constant that IEEE 1149.1 asks for."""
        return 0b0001

    def update_ir(self, value: int) -> None:
        """Take an instruction; those that are not assigned are BYPASS."""
        self.instruction = value

    def capture_dr(self) -> tuple[int, int]:
        """Return IDCODE, result and acknowledge, or the bypass bit."""
        if self.instruction == IDCODE:
            return self.port.ids.jtag_id, 32
        if self.instruction in {DPACC, APACC}:
            return self._capture_access(), SCAN
        if self.instruction == ABORT_IR:
            return OK_FAULT, SCAN
        return 0, 1

    def _capture_access(self) -> int:
        port = self.port
        refused = self.instruction == APACC and not port.sticky and port.faults.at_access()
        self._refuse_bus = refused == "fault"
        self._waiting = port.poll() or refused == "wait"
        if self._waiting:
            port.waits += 1
            port.overrun()
            return port.ap_result << 3 | WAIT
        return self._result() << 3 | OK_FAULT

    def _result(self) -> int:
        if self.last is None:
            return self.port.ap_result
        if self.last == CTRL_STAT:
            return self.port.read_ctrl_stat()
        if self.last == SELECT:
            return self.port.select
        if self.last == ABORT and self.port.ids.jtag_version:
            return self.port.ids.dpidr
        return 0  # RDBUFF; version 0 has no register 0

    def update_dr(self, value: int) -> None:
        """Carry out the access that was shifted in, unless WAIT refused it."""
        port = self.port
        if self.instruction == ABORT_IR:
            port.write_abort(value >> 3, clears=port.ids.jtag_version > 0)
        elif self.instruction in {DPACC, APACC} and not self._waiting:
            read, address, data = value & 1, value << 1 & 0xC, value >> 3
            if self.instruction == APACC:
                self._access(address, None if read else data)
            else:
                self.last = address
                if not read:
                    self._write_dp(address, data)

    def _access(self, address: int, data: int | None) -> None:
        self.last = None
        if not self.port.sticky:  # an ignored access leaves the result of the last one that was carried out
            self.port.start(address, data, refuse=self._refuse_bus)

    _refuse_bus = False

    def _write_dp(self, address: int, data: int) -> None:
        if address == CTRL_STAT:
            self.port.write_ctrl_stat(data)
        elif address == SELECT:
            self.port.select = data
        elif address == ABORT and self.port.ids.jtag_version:
            self.port.write_abort(data, clears=True)
