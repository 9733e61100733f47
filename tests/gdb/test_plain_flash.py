"""A client that is given no memory map: GDB writes flash as if it were RAM, and it is programmed."""

from support.real_gdb import run_gdb, serving

COMMANDS = (
    "load",
    "monitor reset halt",
    "tbreak main",
    "continue",
    "set var *(unsigned short *)0x0800f000 = 0x1234",
    "x/1xh 0x0800f000",
    "x/1xh 0x0800f002",
    "compare-sections",
    "detach",
)


def test_what_gdb_writes_into_flash_is_programmed() -> None:
    with serving("sim:stm32f103c8", "--memory-map", "off") as server:
        text = run_gdb(server.port, COMMANDS)
    assert "Temporary breakpoint 1, main" in text
    assert "0x800f000:\t0x1234" in text
    assert "0x800f002:\t0xffff" in text
    assert "MIS-MATCHED" not in text
    assert text.count("matched.") >= 2
    assert "hardware breakpoints for read-only" not in text
