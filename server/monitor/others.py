"""Words of other servers, as IDEs and scripts send them: OpenOCD, pyOCD, J-Link, Black Magic Probe, st-util.

Each is carried out, or answered by a sentence that says why nothing needs to be done or what does it here. Clients
stop at an error, so none of these is one.
"""

from __future__ import annotations

from . import board, control
from .command import Command, answer

__all__ = ["COMMANDS"]

_SENTENCES: dict[tuple[str, ...], str] = {
    ("clrbp", "rbp", "rwp", "bp", "wp", "setbp"): (
        "Breakpoints and watchpoints are GDB's: it puts them in when it resumes and takes them out at each stop. "
        "Use its 'delete', 'break' and 'watch'."
    ),
    ("rtt", "exec setrttaddr", "exec setrttsearchranges"): (
        "Haltpoint does not read RTT buffers. A program can print by semihosting: monitor semihosting console."
    ),
    ("swo", "traceswo", "trace_swo", "cdswoconfigure", "tpiu", "itm"): (
        "Haltpoint does not receive SWO trace. A program can print by semihosting: monitor semihosting console."
    ),
    ("flash breakpoints",): (
        "Breakpoints go into flash where comparators run out, unless the server runs with --flash-breakpoints off."
    ),
    (
        "flash",
        "program",
        "load_image",
        "erase",
        "erase_mass",
        "mass_erase",
        "flash_device",
        "stm32f1x",
        "stm32f2x",
        "stm32f4x",
        "stm32h7x",
        "stm32l4x",
        "stm32lx",
    ): (
        "GDB's 'load' erases and programs what it needs to; 'haltpoint load FILE' does it outside of GDB, and "
        "'monitor unlock' removes protection."
    ),
    ("verify_image", "verify_image_checksum", "test_image", "verify"): (
        "GDB's 'compare-sections' compares the target with the program."
    ),
    ("gdb_flash_program", "gdb flash_program", "gdb_memory_map", "gdb memory_map"): (
        "GDB gets a memory map and programs flash by 'load', unless the server runs with --memory-map off."
    ),
    ("gdb_breakpoint_override", "gdb breakpoint_override"): (
        "Breakpoints in flash take comparators, those in RAM instructions; nothing needs to be overridden."
    ),
    ("gdb_report_data_abort", "gdb report_data_abort", "gdb_report_register_access_error"): (
        "What cannot be read is always reported as an error."
    ),
    ("vector_catch", "cortex_m vector_catch", "set vector-catch", "catch"): (
        "Every fault stops the core before its handler runs, and says what happened."
    ),
    ("cortex_m maskisr", "set step-into-interrupts", "set step-into-interrupt"): (
        "A step does not end in an interrupt handler, unless it meets a breakpoint there."
    ),
    ("tpwr", "target_power", "power"): "Haltpoint does not switch the target's supply.",
    ("connect_srst", "connect_rst", "attach"): (
        "The server connects for GDB; 'haltpoint serve --connect under-reset' holds the target in reset meanwhile."
    ),
    ("reset_config", "adapter assert", "adapter deassert", "adapter srst", "srst"): (
        "The reset line is used by 'monitor reset hardware' and 'haltpoint serve --connect under-reset'."
    ),
    ("interface", "device", "endian", "jtagconf", "select", "transport", "adapter", "hla", "target"): (
        "Probe, wire and chip are chosen when the server starts: see 'haltpoint serve --help'."
    ),
    ("threads", "thread", "rtos", "enable_rtos"): "One thread is shown, the core: RTOSes are not looked into.",
    ("debug_level", "log_output", "log", "logging"): "The server's log goes to its terminal.",
    ("gdb_port", "telnet_port", "tcl_port", "gdb port", "telnet port", "tcl port"): (
        "There is one port, for GDB: haltpoint serve --port."
    ),
    ("shutdown", "exit", "quit", "q"): ("The server goes on for the next client; Ctrl-C where it was started ends it."),
    ("arm semihosting_cmdline", "semihosting_cmdline", "arm semihosting_resexit", "arm semihosting_redirect"): (
        "That is chosen when the server starts: see 'haltpoint serve --help'."
    ),
    ("semihosting thumbswi", "semihosting armswi", "semihosting breakonerror", "semihosting_use"): (
        "A call is BKPT 0xAB, as Arm's specification has it for Cortex-M; what goes wrong in one is returned to it."
    ),
    ("exec", "disablechecks", "enablechecks", "writesettings", "allowsimulation", "cp15", "getargs", "moe"): (
        "That is a matter of J-Link's server; there is nothing to be done here."
    ),
    ("set", "show", "option", "script", "source", "capture", "puts"): (
        "There is no script language and there are no such options here; 'monitor help' lists what there is."
    ),
}

COMMANDS: tuple[Command, ...] = (
    Command(("init", "poll", "gdb_attach", "init_reset"), board.nothing, arguments="..."),
    Command(("reset_halt", "soft_reset_halt"), control.reset_halt),
    Command(("jtag_reset", "hard_srst", "reset_hard"), control.reset_by_pin),
    Command(("cortex_m reset_config", "set reset_type"), control.choose_reset, arguments="[KIND]"),
    Command(("step", "stepi", "si"), control.step),
    Command(("wait_halt", "waithalt"), control.wait, arguments="[MS]"),
    Command(("adapter speed", "adapter_khz", "jtag_khz", "frequency"), board.speed, arguments="[KHZ]"),
    Command(("sleep",), board.pause, arguments="MS"),
    Command(("version",), board.version),
    Command(("echo",), board.echo, arguments="[TEXT]"),
    Command(
        (
            *("targets", "status", "list", "scan_chain", "dap info", "jtag names"),
            *(
                "swdp_scan",
                "swd_scan",
                "jtag_scan",
                "auto_scan",
                "flash info",
                "flash banks",
                "flash list",
                "flash probe",
            ),
        ),
        board.info,
        arguments="...",
    ),
    *(Command(names, answer(sentence), arguments="...") for names, sentence in _SENTENCES.items()),
)
