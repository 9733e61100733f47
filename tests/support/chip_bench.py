"""A simulated chip seen through its bus, and small programs that its core runs from RAM."""

from __future__ import annotations

from haltpoint.sim.board import Board, open_board

__all__ = ["CODE", "Chip"]

CODE, SCRIPT, STACK = 0x2000_0000, 0x2000_0100, 0x2000_1000
DHCSR, DCRSR, DCRDR, DEMCR = 0xE000_EDF0, 0xE000_EDF4, 0xE000_EDF8, 0xE000_EDFC

# next: ldmia r0!, {r1-r4}; cmp r1, #0; beq done
#       cmp r1, #1; bne 1f; str  r3, [r2]; b next
# 1:    cmp r1, #2; bne 2f; strh r3, [r2]; b next
# 2:    cmp r1, #3; bne 3f; strb r3, [r2]; b next
# 3:    ldr r5, [r2]; ands r5, r4; cmp r5, r3; bne 3b; b next
# done: bkpt #0
INTERPRETER = (
    *(0xC81E, 0x2900, 0xD010, 0x2901, 0xD101, 0x6013, 0xE7F8, 0x2902, 0xD101, 0x8013, 0xE7F4),
    *(0x2903, 0xD101, 0x7013, 0xE7F0, 0x6815, 0x4025, 0x429D, 0xD1FB, 0xE7EB, 0xBE00),
)
_OPERATION = {4: 1, 2: 2, 1: 3}


class Chip:
    """``chip[address]`` reads and writes words as a debugger does, without a probe between."""

    def __init__(self, name: str, options: str = "") -> None:
        self.board: Board = open_board(f"sim:{name}{options}")
        self.script: list[int] = []

    def __getitem__(self, address: int) -> int:
        return self.board.machine.ap_read(address, 4)

    def __setitem__(self, address: int, value: int) -> None:
        self.board.machine.ap_write(address, value, 4)

    def write(self, address: int, value: int, width: int) -> None:
        self.board.machine.ap_write(address, value, width)

    def flash(self, address: int, length: int) -> bytes:
        return self.board.read_flash(address, length)

    def sleep(self, seconds: float) -> None:
        self.board.sleep(seconds)
        self.board.machine.run_until_now()

    def reset(self) -> None:
        self.board.machine.run_until_now()
        self.board.machine.system_reset()
        self.sleep(2e-3)

    def power_cycle(self) -> None:
        self.board.power(on=False)
        self.board.power(on=True)

    # --- the core

    def store(self, address: int, value: int, width: int = 4) -> None:
        """Let the program store."""
        self.script += [_OPERATION[width], address, value, 0]

    def wait(self, address: int, mask: int, value: int = 0) -> None:
        """Let the program wait until ``mask`` of a word is ``value``."""
        self.script += [4, address, value, mask]

    def halt(self) -> None:
        self[DEMCR] = 1 << 24
        self[DHCSR] = 0xA05F_0003
        assert self[DHCSR] & 1 << 17

    def set_register(self, number: int, value: int) -> None:
        self[DCRDR] = value
        self[DCRSR] = 1 << 16 | number

    def register(self, number: int) -> int:
        self[DCRSR] = number
        return self[DCRDR]

    def run(self, limit: float = 10.0) -> float:
        """Run the program on the core; return the seconds it took."""
        machine = self.board.machine
        self.halt()
        words = [*self.script, 0, 0, 0, 0]
        self.script = []
        machine.ap_write_words(SCRIPT, b"".join(word.to_bytes(4, "little") for word in words))
        code = b"".join(half.to_bytes(2, "little") for half in INTERPRETER)
        machine.ap_write_words(CODE, code.ljust(-(-len(code) // 4) * 4, b"\0"))
        for number, value in ((0, SCRIPT), (13, STACK), (15, CODE), (16, 1 << 24)):
            self.set_register(number, value)
        before = self.board.seconds
        self[DHCSR] = 0xA05F_0001
        while not self[DHCSR] & 1 << 17:
            self.board.sleep(20e-6)
            assert self.board.seconds - before < limit, f"still at 0x{machine.core.engine.pc:08X}"
        assert self.register(15) == CODE + 2 * len(INTERPRETER) - 2, f"stopped at 0x{self.register(15):08X}"
        return self.board.seconds - before
