"""What a real nRF51822 (Cortex-M0) answered over SWD to an FT2232H with OpenOCD, against a simulated MINDP.

Debug port, access port and core debug are compared bit by bit, with overruns detected. The chip around the core is not
simulated: what is read from it, and what differs for another reason, is listed with that reason.
"""

from __future__ import annotations

from support.bare_chip import BareChip, Words
from support.ftdi_host import SwdHost
from support.sigrok import capture
from support.silicon import Packet, SwdPlayer

from haltpoint.sim.adi.debug_port import DpIds

DHCSR, DEMCR, DCRDR, FP_CTRL = 0xE000_EDF0, 0xE000_EDFC, 0xE000_EDF8, 0xE000_2000
HALT, RUN = 0xA05F_0003, 0xA05F_0001
OVERRUN_MS = 199.12
"""Just before the write that the real bus was too busy for; why it was is not in the capture: it is arranged here."""
AFTER_MS = 202.7
"""Then a loader for the nRF51's flash runs, which needs that flash."""
REQUEST_MS = 0.3038
OK, WAIT, FAULT = 0b001, 0b010, 0b100

EXPLAINED = {
    0x4001_E400: "NVMC READY is 1 but while the flash is busy; there is no NVMC here",
}


def make_chip(debugging: int) -> BareChip:
    peripherals = (0x1000_0000, 0x1000_1000, 0x4000_0000, 0x4001_E000, 0x5000_0000)
    chip = BareChip(
        "cortex-m0",
        DpIds(0x0BB1_1477, 0),
        idr=0x0477_0021,
        base=0xF000_0003,
        hz=16_000_000,
        ram=0x4000,
        memories={0x400: 0x3FC00},
        registers=tuple(Words(f"registers at {base:08x}", base, 0x1000, {}) for base in peripherals),
    )
    chip.poke(DHCSR, debugging)
    chip.machine.run_until_now()
    chip.peek(DHCSR)
    chip.poke(DEMCR, 0x0100_0000)
    chip.poke(FP_CTRL, 3)
    chip.swj.port.write_ctrl_stat(0x5000_0001)
    chip.swj.port.flags |= 0x40
    return chip


def is_content(packet: Packet) -> bool:
    """True where only the program that ran then can know the word."""
    return packet.source is not None and (packet.source < 0x4000_0000 or packet.source == DCRDR)


def unexplained(player: SwdPlayer) -> list[str]:
    """Differences that are neither content nor explained; those that are get printed with the reason."""
    rest = []
    for packet in player.differences():
        if is_content(packet):
            continue
        if packet.ack == packet.real_ack and packet.source in EXPLAINED:
            print(f"{packet}\n    {EXPLAINED[packet.source]}")
        else:
            rest.append(str(packet))
    return rest


def test_init() -> None:
    chip = make_chip(RUN)
    player = SwdPlayer(chip.swj, chip.wire)
    assert len(player.play(capture("swd/nrf51_ftdi_init"))) == 53
    assert not unexplained(player)


def test_wait_then_faults_until_abort() -> None:
    chip = make_chip(HALT)
    player = SwdPlayer(chip.swj, chip.wire, events=[(OVERRUN_MS, chip.faults.wait)])
    packets = player.play(capture("swd/nrf51_ftdi_init_wait_fault"), until_ms=AFTER_MS)
    assert not unexplained(player)
    acks = [packet.ack for packet in packets]
    at = acks.index(WAIT)
    assert acks[at : at + 52] == [WAIT] + [FAULT] * 51
    assert acks.count(WAIT) == 1
    after = packets[at + 52]
    assert packets[at + 54].data & 0xFFFF_FFFF == 0x2000_002C, "TAR: one of the writes was carried out"
    assert (after.ap, after.address, after.written) == (False, 0, 0x1E), "ABORT ends it"
    assert set(acks[at + 52 :]) == {OK}


def test_no_target() -> None:
    """Nobody acknowledges: the line stays pulled up."""
    session = capture("swd/nrf51_ftdi_init_noreply")
    edges = session.rising("swclk")
    first = next(n for n, edge in enumerate(edges) if edge * session.ps >= REQUEST_MS * 1e9)
    levels = session.levels("swdio")
    assert [levels[edge - 1] for edge in edges[first : first + 8]] == [1, 0, 1, 0, 0, 1, 0, 1], "DPIDR is asked for"
    assert [levels[edge - 1] for edge in edges[first + 9 : first + 12]] == [1, 1, 1]
    host = SwdHost("sim:stm32f103c8,probe=ft2232h,wire=swd,target=none")
    host.float_for_reads = True
    host.switch()
    assert host.read(0, 0) == (0b111, None)
