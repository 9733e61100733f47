from __future__ import annotations

from pathlib import Path

import pytest

from haltpoint.sim.board import open_board
from haltpoint.sim.errors import FirmwareError, SelectorError
from haltpoint.sim.selector import parse_selector


def test_defaults() -> None:
    selector = parse_selector("sim:stm32f103c8")
    assert (selector.chip, selector.probe, selector.power, selector.rdp) == ("stm32f103c8", "stlink-v2-1", True, False)


def test_all_options() -> None:
    text = "sim:stm32f103rc,probe=stlink-v3,level=J9,nrst=none,rdp=1,wrp=0-3+12,power=off,quirks=stall-unknown"
    selector = parse_selector(text)
    assert selector.level == 9
    assert selector.wrp == ((0, 3), (12, 12))
    assert selector.rdp
    assert not selector.power
    assert selector.quirks == ("stall-unknown",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sim:stm32f103c9", ["stm32f103c9", "stm32f103c8"]),
        ("sim:", ["names no chip"]),
        ("stlink", ["sim:"]),
        ("sim:stm32f103c8,prob=stlink-v2", ["'prob'", "'probe'"]),
        ("sim:stm32f103c8,probe=stlink-v21", ["'stlink-v21'", "'stlink-v2-1'"]),
        ("sim:stm32f103c8,probe", ["needs a value"]),
        ("sim:stm32f103c8,level=high", ["'high'", "J28"]),
        ("sim:stm32f103c8,level=J99", ["J99"]),
        ("sim:stm32f103c8,wrp=a-b", ["'a-b'"]),
        ("sim:stm32f103c8,wrp=60-64", ["60", "64", "has 64"]),
        ("sim:stm32f103c8,power=on,power=off", ["twice"]),
        ("sim:stm32f103c8,quirks=stall-unknwon", ["'stall-unknown'"]),
    ],
)
def test_a_bad_selector_is_a_sentence_with_the_nearest_names(text: str, words: list[str]) -> None:
    with pytest.raises(SelectorError) as caught:
        open_board(text)
    message = str(caught.value)
    assert message.endswith((".", "?"))
    for word in words:
        assert word in message


def test_firmware_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"cannot be read: No such file"):
        open_board(f"sim:stm32f103c8,firmware={tmp_path / 'none.elf'}")


def test_firmware_that_does_not_fit(tmp_path: Path) -> None:
    image = tmp_path / "big.bin"
    image.write_bytes(bytes(65537))
    with pytest.raises(FirmwareError, match="outside the flash"):
        open_board(f"sim:stm32f103c8,firmware={image}")


def test_binary_and_hex_firmware(tmp_path: Path) -> None:
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\x01\x02\x03\x04")
    assert open_board(f"sim:stm32f103c8,firmware={binary}").read_flash(0x0800_0000, 5) == b"\x01\x02\x03\x04\xff"
    text = tmp_path / "a.hex"
    text.write_text(":020000040800F2\n:0400100001020304E2\n:00000001FF\n")
    assert open_board(f"sim:stm32f103c8,firmware={text}").read_flash(0x0800_0010, 4) == b"\x01\x02\x03\x04"
    text.write_text(":020000040800F2\n:0400100001020304E3\n")
    with pytest.raises(FirmwareError, match="line 2 is damaged"):
        open_board(f"sim:stm32f103c8,firmware={text}")


def test_elf_firmware_goes_to_its_physical_addresses() -> None:
    elf = Path(__file__).resolve().parents[2] / "examples"
    images = sorted(elf.glob("**/*.elf"))
    if not images:
        pytest.skip("no example firmware has been built")
    board = open_board(f"sim:stm32f103c8,firmware={images[0]}")
    stack, reset = (int.from_bytes(board.read_flash(0x0800_0000 + at, 4), "little") for at in (0, 4))
    assert stack >> 20 == 0x200
    assert reset >> 20 == 0x080


def test_a_broken_elf_is_a_sentence(tmp_path: Path) -> None:
    image = tmp_path / "a.elf"
    image.write_bytes(b"\x7fELF garbage")
    with pytest.raises(FirmwareError, match="damaged ELF"):
        open_board(f"sim:stm32f103c8,firmware={image}")
