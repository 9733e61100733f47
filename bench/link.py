"""Random blocks over a slow debug port: every one exact, however often it says WAIT.

    python bench/link.py [BLOCKS] [WIRE]        default: 100000 jtag

Each block is written to, or read from, a random place of the simulated target's RAM. Now and then its bus takes much
longer than the driver has learnt to wait, so that the debug port says WAIT within most blocks. Prints blocks, bytes,
WAITs and time; ends with status 1 at the first wrong byte.
"""

from __future__ import annotations

import random
import sys
import time

from haltpoint.arm.adi import memory_probe
from haltpoint.probes.access import ReadBlock, WriteBlock
from haltpoint.probes.discovery import UsbHost, open_probe
from haltpoint.sim.board import open_board

RAM, SIZE = 0x2000_0000, 16384
SPIKE, SPIKE_CHANCE = 400, 1 / 24  # wire clocks that an access takes beyond what it takes on silicon, and how often
LONGEST = 256


def main(arguments: list[str]) -> int:
    """Exit status 0 when every block was exact."""
    count = int(arguments[0]) if arguments else 100_000
    wire = arguments[1] if len(arguments) > 1 else "jtag"
    board = open_board(f"sim:stm32l431rc,probe=ft2232h,wire={wire}")
    assert board.swj is not None
    debug_port = board.swj.port

    port = open_probe("ftdi", UsbHost(board.backend, board.sleep))
    probe = memory_probe(port)
    probe.connect()
    dice, spikes = random.Random(2026), random.Random(7)
    debug_port.extra_latency = lambda: SPIKE if spikes.random() < SPIKE_CHANCE else 0
    content = bytearray(probe.run([ReadBlock(RAM, SIZE)])[0])  # type: ignore[arg-type]  # a block reads as bytes
    moved, began = 0, time.process_time()
    for number in range(count):
        length = dice.randint(1, LONGEST)
        offset = dice.randrange(SIZE - length)
        moved += length
        if dice.random() < 0.5:
            data = dice.randbytes(length)
            probe.run([WriteBlock(RAM + offset, data)])
            content[offset : offset + length] = data
        elif probe.run([ReadBlock(RAM + offset, length)]) != [bytes(content[offset : offset + length])]:
            print(f"block {number}: {length} bytes at {RAM + offset:#010x} read back wrong")
            return 1
    if probe.run([ReadBlock(RAM, SIZE)]) != [bytes(content)]:
        print("the whole RAM read back wrong at the end")
        return 1
    print(
        f"{count} blocks over {wire}, {moved} bytes: all exact; {debug_port.waits} WAITs; "
        f"{board.seconds:.1f} s of the board's time, {time.process_time() - began:.0f} s of this machine's"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
