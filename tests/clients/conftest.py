"""The libusb replacement, built once, and boards for programs that are not ours."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
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
def simulate(
    shim: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Bench]]:
    """Start a simulated board for this test: ``simulate("sim:stm32f103c8,...", "--option")``.

    What the programs cost goes with the test's report, wherever the test runs.
    """
    COSTS.clear()
    with ExitStack() as stack:

        def start(board: str = "sim:stm32f103c8", *options: str, trace: bool = False) -> Bench:
            opened: Callable[[], AbstractContextManager[Bench]] = partial(
                simulating, shim, tmp_path_factory.mktemp("bench"), board, *options, trace=trace
            )
            return stack.enter_context(opened())

        yield start
    request.node.user_properties += [("cost", asdict(cost)) for cost in COSTS]
