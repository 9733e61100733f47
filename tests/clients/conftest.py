"""The libusb replacement, built once, boards for programs that are not ours, and the table of what they cost."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

import pytest
from support.usbip_clients import COSTS, ROOT, Bench, Firmware, build_shim, compile_firmware, simulating

FIRMWARE = Path(__file__).parent / "firmware"


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def blink(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return compile_firmware(tmp_path_factory.mktemp("blink"), ROOT / "examples" / "blink" / "main.c", name="blink")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Firmware]:
    """Compile one of the firmwares beside these tests: ``build("ticking", "NAME=VALUE")``."""

    def compile_named(name: str, *defines: str) -> Firmware:
        return compile_firmware(tmp_path_factory.mktemp(name), FIRMWARE / f"{name}.c", defines=defines)

    return compile_named


@pytest.fixture
def simulate(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Bench]]:
    """Start a simulated board for this test: ``simulate("sim:stm32f103c8,...", "--option")``."""
    with ExitStack() as stack:

        def start(board: str = "sim:stm32f103c8", *options: str, trace: bool = False) -> Bench:
            opened: Callable[[], AbstractContextManager[Bench]] = partial(
                simulating, shim, tmp_path_factory.mktemp("bench"), board, *options, trace=trace
            )
            return stack.enter_context(opened())

        yield start


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what each command of each client moved over USB."""
    if not COSTS:
        return
    terminalreporter.section("USB transfers of other programs")
    width = max(len(f"{cost.client} {cost.command}") for cost in COSTS)
    terminalreporter.write_line(f"{'command':{width}}  bulk OUT  bulk IN  bytes OUT  bytes IN  wall s")
    for cost in COSTS:
        terminalreporter.write_line(
            f"{cost.client + ' ' + cost.command:{width}}  {cost.bulk_out:8}  {cost.bulk_in:7}  "
            f"{cost.bytes_out:9}  {cost.bytes_in:8}  {cost.seconds:6.1f}"
        )
