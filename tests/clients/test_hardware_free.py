"""docs/hardware-free-ci.md: a firmware's test with plain OpenOCD and GDB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.real_gdb import BLINK, ROOT, gdb_path
from support.usbip_clients import PATIENCE, free_port, need

EXAMPLE = ROOT / "examples" / "hardware-free"


def run_example(shim: Path, folder: Path, checks: Path) -> subprocess.CompletedProcess[str]:
    """Run the example as its page says, with the bus put under OpenOCD."""
    need("openocd")
    haltpoint = folder / "haltpoint"
    haltpoint.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m haltpoint "$@"\n')
    haltpoint.chmod(0o755)
    port = free_port()
    added = {
        "HALTPOINT": str(haltpoint),
        "GDB": gdb_path(),
        "SIM_PORT": str(port),
        "GDB_PORT": str(free_port()),
        "USBIP_SERVER": f"127.0.0.1:{port}",
        "USBIP_CACHE": "",
        "LD_LIBRARY_PATH": str(shim),
    }
    return subprocess.run(
        [str(EXAMPLE / "run.sh"), str(BLINK), str(checks)],
        env={**os.environ, **added},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def test_the_example_passes(shim: Path, tmp_path: Path) -> None:
    run = run_example(shim, tmp_path, EXAMPLE / "blink.gdb")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "blink: all checks passed" in run.stdout


def test_a_check_that_fails_fails_the_run(shim: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gdb"
    wrong.write_text((EXAMPLE / "blink.gdb").read_text().replace("factor==3", "factor==4"))
    run = run_example(shim, tmp_path, wrong)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAILED" in run.stdout
    assert "all checks passed" not in run.stdout


@pytest.mark.parametrize("line", ["openocd -f interface/stlink.cfg -f target/stm32f1x.cfg", "-nx -q -batch"])
def test_the_page_shows_what_the_script_runs(line: str) -> None:
    page = (ROOT / "docs" / "hardware-free-ci.md").read_text()
    script = (EXAMPLE / "run.sh").read_text()
    assert line in page
    assert line in script
