"""The demo's session with every kind of probe, driven by a real GDB."""

import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"
PROBES = [
    *("stlink-v2", "stlink-v2-1", "stlink-v3", "stlink-clone"),
    *(f"{chip},wire={wire}" for chip in ("ft2232h", "ft4232h", "ft232h") for wire in ("jtag", "swd")),
]


@pytest.mark.parametrize("probe", PROBES)
def test_demo_session(probe: str) -> None:
    run = subprocess.run(
        [sys.executable, str(DEMO), f"sim:stm32f103c8,probe={probe}"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "every answer was the expected one" in run.stdout
