"""What a real STM32F429 answered over SWD to an ST-LINK/V2, against the simulated one.

Every acknowledge, every parity bit and every register of debug port, access port and core debug is compared. Of memory
and of the core registers behind DCRDR only what ran then could know the content: those words are left out, by address.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from support.sigrok import CAPTURES, Capture, capture
from support.silicon import Packet, PlayedClock, SwdPlayer

from haltpoint.sim.adi.sw_dp import Phase
from haltpoint.sim.adi.swj import Protocol
from haltpoint.sim.board import open_board
from haltpoint.sim.ftdi.board import make_swj

DHCSR, DCRDR, AIRCR = 0xE000_EDF0, 0xE000_EDF8, 0xE000_ED0C
DBGMCU_CR, DBGMCU_APB1_FZ, IDCODE = 0xE004_2004, 0xE004_2008, 0x1007_6419
HALT, RUN = 0xA05F_0003, 0xA05F_0001
PREFIX, STALE = "stm32f429zit6_", -1
POWERED_UP, READOK = 0x5000_0000, 0x40


@dataclass(frozen=True)
class Session:
    """A capture, and what the session before it had left behind."""

    name: str
    packets: int
    waits: int
    stale: int = IDCODE  # the last AP read result
    debugging: int = 0  # DHCSR as last written
    prigroup: int = 0
    debug_mcu: int = 0
    selected: bool = True  # SWD, with the line idle
    memory: tuple[tuple[int, int], ...] = ()  # words that were there

    def __str__(self) -> str:
        return self.name


SESSIONS = (
    Session("connect", 11148, 1266, stale=7, selected=False),
    Session("connected", 4, 1),
    Session("core_core_reset", 213, 51, stale=0x0101_0001, debugging=RUN, prigroup=6, debug_mcu=7),
    Session("core_halt", 183, 45, stale=0x0101_0001, debugging=RUN, debug_mcu=7),
    Session("core_read_core_regs", 176, 44, stale=0x0003_0003, debugging=HALT, debug_mcu=7),
    Session("core_run", 19, 4, stale=0x0003_0003, debugging=HALT, debug_mcu=7),
    Session("core_step", 213, 51, stale=0x0003_0003, debugging=HALT, debug_mcu=7),
    Session("core_system_reset", 241, 56, stale=0x0003_0003, debugging=HALT, debug_mcu=7),
    Session("disconnect", 30, 6, debugging=RUN, debug_mcu=7),
    Session("get_option_bytes", 1632, 408, debugging=HALT, debug_mcu=7),
)


class Chip:
    """The simulated STM32F429 with a program that loops, and its debug port on the capture's clock."""

    def __init__(self, session: Session) -> None:
        self.board = open_board("sim:stm32f429zi,probe=ft2232h,wire=swd")
        self.board.write_flash(0x0800_0000, bytes.fromhex("00080020 09000008 fee7fee7"))
        self.board.machine.system_reset()
        self.board.sleep(0.01)
        self.machine = self.board.machine
        self.wire = PlayedClock(self.board.clock)
        self.swj = make_swj(self.board.chip, self.board.wire, self.board.faults, self.wire)
        self.poke(DBGMCU_CR, session.debug_mcu)
        self.poke(DBGMCU_APB1_FZ, 0x1000)
        if session.debugging:
            self.poke(DHCSR, session.debugging)
        if session.prigroup:
            self.poke(AIRCR, 0x05FA_0000 | session.prigroup << 8)
        for address, word in session.memory:
            self.machine.bus.patch(address, word.to_bytes(4, "little"))
        self.machine.ap_read(DHCSR, 4)  # S_RESET_ST was read long ago

    def poke(self, address: int, value: int) -> None:
        """Write a word past the debug port."""
        self.machine.ap_write(address, value, 4)


def make_chip(session: Session) -> Chip:
    chip = Chip(session)
    prepare_port(chip, session)
    return chip


def prepare_port(chip: Chip, session: Session) -> None:
    port = chip.swj.port
    if session.selected:
        chip.swj.become(Protocol.SWD)
        chip.swj.sw.phase = Phase.IDLE
        port.ap.write(0x00, 0x2300_0002)
    port.write_ctrl_stat(POWERED_UP)
    port.flags |= READOK
    port.ap_result = session.stale


def is_content(packet: Packet) -> bool:
    """True where only the program that ran then can know the word."""
    return (
        packet.ack == packet.real_ack
        and packet.source is not None
        and (packet.source < 0x4000_0000 or packet.source == DCRDR)
    )


@pytest.mark.parametrize("session", SESSIONS, ids=str)
def test_session(session: Session) -> None:
    chip = make_chip(session)
    player = SwdPlayer(chip.swj, chip.wire)
    packets = player.play(capture(f"swd/{PREFIX}{session.name}"))
    differences = [packet for packet in player.differences() if not is_content(packet)]
    assert not differences, f"{len(differences)} of {len(packets)} packets differ:\n" + "\n".join(
        str(packet) for packet in differences[:40]
    )
    assert all(packet.real_ack == packet.ack for packet in packets)
    assert (len(packets), sum(packet.ack == 0b010 for packet in packets)) == (session.packets, session.waits)
    words = [packet for packet in player.differences() if is_content(packet)]
    assert {packet.source for packet in words if packet.source is not None and packet.source >= 0x2000_0000} <= {
        *range(0x2000_0000, 0x2003_0000),
        DCRDR,
    }


# --- captures that join the folder later


def others() -> list[str]:
    known = {session.name for session in SESSIONS}
    names = sorted(path.stem.removeprefix(PREFIX) for path in (CAPTURES / "swd").glob(f"{PREFIX}*.sr"))
    return [name for name in names if name not in known]


def what_was_left(name: str, session: Capture) -> Session:
    """Find out from the capture itself what a session began with: the first word of each place that was read first."""
    blank = Session(name, 0, 0, selected=not begins_with_a_line_reset(session))
    chip = make_chip(blank)
    player = SwdPlayer(chip.swj, chip.wire)
    written: dict[int, int] = {}  # number of the packet by address
    store = chip.board.wire.write

    def noted(address: int, value: int, width: int) -> None:
        written.setdefault(address & ~3, len(player.packets))
        store(address, value, width)

    chip.board.wire.write = noted  # type: ignore[method-assign]
    first: dict[int | None, int] = {}
    fresh: dict[int, int] = {}
    for number, packet in enumerate(player.play(session), 1):
        if not packet.read or packet.real_ack != 0b001 or not (packet.ap or packet.address == 0xC):
            continue
        word, source = packet.real_data & 0xFFFF_FFFF, packet.source
        if source is None or number <= written.get(source, number):
            first.setdefault(source if first else STALE, word)
            if source is not None and in_memory(source):
                fresh.setdefault(source, word)
    dhcsr = first.get(DHCSR, 0)
    return replace(
        blank,
        stale=first.get(STALE, 0),
        debugging=HALT if dhcsr & 1 << 17 else RUN if dhcsr & 1 else 0,
        prigroup=first.get(AIRCR, 0) >> 8 & 7,
        debug_mcu=first.get(DBGMCU_CR, 0),
        memory=tuple(fresh.items()),
    )


def in_memory(address: int) -> bool:
    return address % 4 == 0 and (0x0800_0000 <= address < 0x0820_0000 or 0x2000_0000 <= address < 0x2003_0000)


def begins_with_a_line_reset(session: Capture) -> bool:
    levels = session.levels("swdio")
    return all(levels[edge - 1] for edge in session.rising("swclk")[:50])


@pytest.mark.parametrize("name", [*others(), "core_step", "connect", "core_system_reset", "get_option_bytes"])
def test_a_session_with_presets_from_itself(name: str) -> None:
    session = capture(f"swd/{PREFIX}{name}")
    chip = make_chip(what_was_left(name, session))
    player = SwdPlayer(chip.swj, chip.wire)
    player.play(session)
    differences = [packet for packet in player.differences() if not is_content(packet)]
    assert not differences, f"{len(differences)} differ:\n" + "\n".join(str(packet) for packet in differences[:40])
