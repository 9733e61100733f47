"""What a user's commands at the GDB prompt cost in USB transfers, over an ST-Link V2-1, beside the peers.

    python bench/gdb.py [NAME...]        default: all peers that are installed

The same GDB, the same firmware, the same simulated board, one server after the other. HALTPOINT_PYOCD names pyOCD
where it is not on the PATH.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from peers import PEERS, ROOT, Peer, serving
from support.usbip_clients import build_shim, compile_firmware

BLINK = ROOT / "examples" / "blink" / "main.c"
CALL = next(number for number, line in enumerate(BLINK.read_text().splitlines(), 1) if "= remember(scale" in line)
FALSE_HITS = 20
TO_MAIN = ("monitor reset halt", "tbreak main", "continue")
STEPPING: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("connect", ("target extended-remote 127.0.0.1:{port}",)),
    ("", (*TO_MAIN, "next", "next")),
    ("stepi", ("stepi",)),
    ("", (f"tbreak main.c:{CALL}", "continue")),
    ("next over a call", ("next",)),
    ("next of a plain statement", ("next",)),
    ("", ("tbreak remember", "continue")),
    ("next inside the function", ("next",)),
    ("bt", ("bt",)),
    ("info registers", ("info registers",)),
    ("finish", ("finish",)),
    ("", ("set $goal = rounds", f"break scale if value == $goal + {FALSE_HITS}")),
    (f"{FALSE_HITS} false hits of a condition", ("continue",)),
)
SEMIHOSTING: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "",
        ("target extended-remote 127.0.0.1:{port}", "monitor reset halt", "tbreak before", "continue", "tbreak after"),
    ),
    ("100 semihosting writes", ("continue",)),
)


def measure(peer: Peer, shim: Path, firmware: Path, script: tuple[tuple[str, tuple[str, ...]], ...]) -> dict[str, int]:
    """Transfers by step."""
    with tempfile.TemporaryDirectory() as name, serving(peer, shim, Path(name), firmware) as served:
        commands = [served.snapshot("at-0")]
        for number, (_, lines) in enumerate(script, 1):
            commands += [*(line.replace("{port}", str(served.port)) for line in lines), served.snapshot(f"at-{number}")]
            if number == 1:
                commands += peer.semihosting if script is SEMIHOSTING else ()
        said = served.gdb(firmware, commands)
        try:
            counts = [served.counted(f"at-{number}") for number in range(len(script) + 1)]
        except FileNotFoundError:
            sys.exit(f"{peer.name} did not get through the session:\n{said}")
        if script is SEMIHOSTING and said.count("Sixteen letters") < 100 and peer.name == "Haltpoint":
            sys.exit(f"{peer.name} did not show what was written:\n{said}")
    return {step: after - before for (step, _), before, after in zip(script, counts, counts[1:], strict=False) if step}


def main(names: list[str]) -> int:
    """Print the table."""
    peers = [peer for peer in PEERS if peer.there and (not names or peer.name in names)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (shim := folder / "shim").mkdir()
        build_shim(shim)
        blink = compile_firmware(folder, BLINK, name="blink").elf
        writes = compile_firmware(folder, ROOT / "bench" / "firmware" / "writes.c").elf
        costs = {
            peer.name: {**measure(peer, shim, blink, STEPPING), **measure(peer, shim, writes, SEMIHOSTING)}
            for peer in peers
        }
    steps = next(iter(costs.values()))
    print("| bulk transfers | " + " | ".join(costs) + " |")
    print("| --- |" + " ---: |" * len(costs))
    for step in steps:
        print(f"| {step} | " + " | ".join(str(cost[step]) for cost in costs.values()) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
