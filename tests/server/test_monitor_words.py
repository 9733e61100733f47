"""Every monitor command that an IDE or a script written for another server sends is answered, and none by an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.fake_target import FLASH, RAM, RESET_PC, FakeBoard
from support.rsp_client import RspClient, session

from haltpoint.arm.reset import ResetKind
from haltpoint.server.monitor.table import COMMANDS
from haltpoint.server.semihosting.service import Semihosting, SemihostingOptions


@pytest.fixture
def board() -> FakeBoard:
    board = FakeBoard()
    board.target.interceptors.append(Semihosting(SemihostingOptions()))
    return board


async def monitor(gdb: RspClient, line: str) -> str:
    """What the console shows; the command must not be an error."""
    gdb.console = ""
    assert await gdb.ask(b"qRcmd," + line.encode().hex().encode()) == b"OK", f"{line}: {gdb.console}"
    return gdb.console


CORTEX_DEBUG = """
reset halt
halt
reset
gdb_sync
mwb 0x20000000 0 16
rtt setup 0x20000000 4096 {SEGGER RTT}
rtt polling_interval 20
rtt server start 50000 0
rtt start
CDSWOConfigure 0 8000000 swo.bin
exec SetRTTAddr 0x20000000
exec memU32 0x20000000 = 0
SWO EnableTarget 8000000 2000000 1 0
swdp_scan
jtag_scan
attach 1
tpwr enable
traceswo enable
"""
PLATFORMIO = """
init
reset halt
reset
clrbp
speed auto
halt
go
"""
ECLIPSE = """
reset init
halt
arm semihosting enable
reg
clrbp
speed 1000
reset
regs
flash breakpoints 1
semihosting enable
semihosting IOClient 3
SWO DisableTarget 0xFFFFFFFF
"""
OPENOCD = """
reset run
reset halt
reset init
resume
gdb sync
mdw 0x20000000 4
mdh 0x20000000
mdb 0x20000000 16
mww 0x20000000 0x12345678
mwh 0x20000000 0x1234
mwb 0x20000000 0x12
arm semihosting_fileio enable
arm semihosting_cmdline a b
flash write_image erase firmware.elf
flash erase_sector 0 0 last
flash info 0
flash banks
targets
poll
sleep 100
shutdown
adapter speed 4000
adapter_khz 4000
cortex_m reset_config sysresetreq
cortex_m maskisr on
cortex_m vector_catch all
reset_config srst_only srst_nogate
gdb_breakpoint_override hard
gdb_flash_program enable
gdb_memory_map enable
verify_image firmware.elf
stm32f1x mass_erase 0
stm32f4x unlock 0
soft_reset_halt
wait_halt 1000
step
reg pc
reg pc 0x08000110
dap info
version
echo hello
tpiu config internal itm.fifo uart off 8000000
itm port 0 on
debug_level 3
rbp all
"""
PYOCD = """
help
reset halt
reset -halt
reset -h
reset halt hw
reset sw_core
reset
halt
init
arm semihosting enable
threads flush
rtt start
status
set vector-catch all
show probe-uid
exit
read32 0x20000000
write32 0x20000000 1
"""
JLINK = """
reset 0
reset 1
reset 2
reset 8
halt
go
si
regs
reg r0
reg r0 = 5
speed 4000
speed adaptive
memU32 0x20000000
memU16 0x20000000
memU8 0x20000000 16
waithalt 1000
sleep 10
interface SWD
device STM32F103C8
endian little
flash download = 1
flash device = STM32F103C8
semihosting ThumbSWI 0xAB
exec EnableFlashDL
DisableChecks
"""
ST_UTIL = """
resume
halt
jtag_reset
reset
semihosting enable
semihosting disable
"""
BLACK_MAGIC = """
version
swd_scan
auto_scan
frequency 2000000
hard_srst
connect_rst enable
vector_catch enable hard
erase_mass
traceswo
"""
PROBE_RS = """
info
reset
reset halt
"""
WORDS = {
    name: [line for line in words.splitlines() if line]
    for name, words in {
        "cortex-debug": CORTEX_DEBUG,
        "platformio": PLATFORMIO,
        "eclipse": ECLIPSE,
        "openocd": OPENOCD,
        "pyocd": PYOCD,
        "jlink": JLINK,
        "st-util": ST_UTIL,
        "black-magic": BLACK_MAGIC,
        "probe-rs": PROBE_RS,
    }.items()
}
SILENT = {"gdb_sync", "gdb sync", "init", "poll", "mwb", "mwh", "mww", "write32", "exec memU32", "sleep"}
"""What says nothing because it has done what was asked and there is nothing to be shown."""


@pytest.mark.parametrize("server", WORDS)
async def test_every_word_is_carried_out_or_answered_by_a_sentence(board: FakeBoard, server: str) -> None:
    async with session(board) as gdb:
        for line in WORDS[server]:
            await monitor(gdb, "halt")
            said = await monitor(gdb, line)
            if not said:
                assert any(line.startswith(word) for word in SILENT), line
            assert not said or said.endswith("\n")


async def test_help_stays_short(board: FakeBoard) -> None:
    async with session(board) as gdb:
        shown = (await monitor(gdb, "help")).splitlines()
    assert len(shown) <= 12
    assert not {line.split()[0] for line in shown} & {"mdw", "rtt", "swo", "flash", "targets", "jtag_reset"}
    assert all(len(line) <= 120 for line in shown)


def test_no_name_is_given_twice() -> None:
    names = [name for command in COMMANDS for name in command.names]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("line", "halt", "kind"),
    [
        ("reset", False, ResetKind.SYSTEM),
        ("reset run", False, ResetKind.SYSTEM),
        ("reset halt", True, ResetKind.SYSTEM),
        ("reset init", True, ResetKind.SYSTEM),
        ("reset hardware", False, ResetKind.HARDWARE),
        ("reset halt pin", True, ResetKind.HARDWARE),
        ("reset core halt", True, ResetKind.CORE),
        ("reset VECTRESET", False, ResetKind.CORE),
        ("reset 0", True, ResetKind.SYSTEM),
        ("reset 2", True, ResetKind.HARDWARE),
        ("jtag_reset", True, ResetKind.HARDWARE),
    ],
)
async def test_kinds_of_reset(board: FakeBoard, line: str, halt: bool, kind: ResetKind) -> None:
    async with session(board) as gdb:
        said = await monitor(gdb, line)
        assert f"reset halt={halt} kind={kind.value}" in board.core.calls
        assert ("The core alone" in said) is (kind is ResetKind.CORE)
        assert (f"pc 0x{RESET_PC:08x}" in said) is halt


async def test_the_kind_may_be_chosen_for_good(board: FakeBoard) -> None:
    async with session(board) as gdb:
        assert "'core'" in await monitor(gdb, "cortex_m reset_config vectreset")
        await monitor(gdb, "reset halt")
        assert "reset halt=True kind=core" in board.core.calls
        board.core.calls.clear()
        await gdb.ask(b"vRun;")
        assert "reset halt=True kind=core" in board.core.calls


async def test_memory_is_shown_and_written(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await monitor(gdb, "mww 0x20000000 0x11223344 2")
        await monitor(gdb, "mwh 0x20000004 0x5566")
        await monitor(gdb, "exec memU8 0x20000007 = 0x99")
        assert await monitor(gdb, "mdw 0x20000000 2") == "0x20000000: 11223344 99225566\n"
        assert await monitor(gdb, "mdb 536870912 3") == "0x20000000: 44 33 22\n"
        assert (await monitor(gdb, "mdh 0x20000000 17")).splitlines()[1] == "0x20000020: 0000"
        assert board.core.probe.memory[RAM][:4] == b"\x44\x33\x22\x11"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("mdw", "no address"),
        ("mdw here", "no number"),
        ("mww 0x20000000 0 0x401", "Writing 4100 bytes failed: a command writes 4096 at most."),
        ("mwb 0x20000000 256", "does not fit 8 bits"),
        ("mww 0x08000000 1", "plain writes do not change"),
        ("mdw 0x30000000", "FAULT"),
        ("reg r99", "none of that name"),
        ("reg primask 0x100", "has 8 bits"),
        ("speed fast", "no number of kHz"),
        ("reset sideways", "cannot take 'sideways'"),
        ("resume 0x08000000", "cannot take"),
    ],
)
async def test_what_cannot_be_is_an_error_with_its_reason(board: FakeBoard, line: str, why: str) -> None:
    async with session(board) as gdb:
        assert await gdb.ask(b"qRcmd," + line.encode().hex().encode()) == b"E01"
        assert why in gdb.console
        assert board.core.probe.memory[FLASH][:2] == b"\x00\xbf"


async def test_registers_are_shown_and_written(board: FakeBoard) -> None:
    board.core.info = replace(board.core.info, fpu=True)
    async with session(board) as gdb:
        assert "r7           0x00000042\n" in await monitor(gdb, "reg r7 0x42")
        assert board.core.registers[7] == 0x42
        assert "r7           0x00000043\n" in await monitor(gdb, "reg r7=0x43")
        shown = await monitor(gdb, "regs")
        assert "primask      0x00\n" in shown
        assert "d0" not in shown
        await monitor(gdb, "reg d1 0x01020304")
        assert (board.core.registers[66], board.core.registers[67]) == (0x01020304, 0)
        await monitor(gdb, "resume")
        assert "not available" in await monitor(gdb, "reg r7")


async def test_waiting_for_a_halt_ends(board: FakeBoard) -> None:
    async with session(board) as gdb:
        await monitor(gdb, "resume")
        assert await gdb.ask(b"qRcmd," + b"wait_halt 20".hex().encode()) == b"E01"
        assert "runs on after 0.02 s" in gdb.console
