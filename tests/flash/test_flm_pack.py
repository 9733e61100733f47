"""CMSIS-Packs: devices with what they inherit, and one quick sentence for a pack that is damaged or hostile."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest
from support.flm import compiled, generic, make_pack, needs_gcc

from haltpoint.flash.flm_chip import chip_of_algorithms, chip_of_pack
from haltpoint.flash.memory_map import Region, overlaid, region_at
from haltpoint.flash.pack import open_pack
from haltpoint.flash.selection import select
from haltpoint.probes.errors import ImageError, UserError

DESCRIPTION = """<?xml version="1.0" encoding="UTF-8"?>
<package schemaVersion="1.7.0">
 <vendor>Maker</vendor><name>Chips_DFP</name>
 <conditions><memory name="not a memory of a device" start="0" size="1"/></conditions>
 <devices>
  <family Dfamily="Chips" Dvendor="Maker:1">
   <processor Dcore="Cortex-M0+" DcoreVersion="r0p1"/>
   <algorithm name="Flash/small.FLM" start="0x00000000" size="0x8000" default="1"/>
   <subFamily DsubFamily="Big">
    <device Dname="BIG64">
     <memory name="SRAM" access="rwx" start="0x20000000" size="0x2000" default="1"/>
     <memory name="Boot" access="rx" start="0x1FFF0000" size="0x1000"/>
     <algorithm name="flash\\BIG.flm" start="0x00000000" size="0x10000" default="true"
                RAMstart="0x20000000" RAMsize="0x1000"/>
     <algorithm name="Flash/other.FLM" start="0x60000000" size="0x10000"/>
     <variant Dvariant="BIG64QxA">
      <memory name="SRAM" access="rwx" start="0x20000000" size="0x4000" default="1"/>
     </variant>
    </device>
    <memory id="IRAM2" start="0x10000000" size="4096"/>
   </subFamily>
   <device Dname="SMALL32"><memory id="IRAM1" start="0x20000000" size="0x1000"/></device>
   <device Dname="BARE"/>
  </family>
  <family Dfamily="Pair" Dvendor="Maker:1">
   <processor Pname="CM7" Dcore="Cortex-M7"/><processor Pname="CM4" Dcore="Cortex-M4"/>
   <device Dname="PAIR1">
    <memory Pname="CM4" name="SRAM" access="rwx" start="0x10000000" size="0x1000"/>
    <memory Pname="CM7" name="SRAM" access="rwx" start="0x20000000" size="0x2000"/>
    <algorithm Pname="CM4" name="Flash/missing.FLM" start="0" size="0x10000" RAMstart="0x10000000" default="1"/>
    <algorithm Pname="CM7" name="Flash/big.FLM" start="0" size="0x10000" RAMstart="0x20000400" default="1"/>
   </device>
   <device Dname="PAIR2">
    <memory name="SRAM" access="rwx" start="0x20000000" size="0x2k"/>
    <algorithm name="Flash/big.FLM" start="0" size="0x10000" default="1"/>
   </device>
   <device Dname="PAIR3"><algorithm name="../../etc/passwd" start="0" size="1" default="1"/></device>
   <device Dname="PAIR4">
    <memory name="SRAM" access="rwx" start="0x20000000" size="0x2000"/>
    <algorithm name="Flash/big.FLM" start="0x90000000" size="0x1000" default="1"/>
   </device>
  </family>
 </devices>
</package>
"""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    small = compiled("generic", SECTORS="{0x400,0}", SIZE="0x8000")
    return make_pack(tmp_path / "chips.pack", DESCRIPTION, big=compiled("generic"), small=small, other=b"not read")


@needs_gcc
def test_a_device_has_what_the_levels_above_it_say(pack: Path) -> None:
    opened = open_pack(pack)
    assert opened.names == ("BIG64", "BIG64QxA", "SMALL32", "BARE", "PAIR1", "PAIR2", "PAIR3", "PAIR4")
    device = opened.device("big64")
    assert (device.name, device.core) == ("BIG64", "Cortex-M0+")
    assert {(m.name, m.start, m.size, m.writable, m.usual) for m in device.memories} == {
        ("IRAM2", 0x1000_0000, 4096, True, False),
        ("SRAM", 0x2000_0000, 0x2000, True, True),
        ("Boot", 0x1FFF_0000, 0x1000, False, False),
    }
    (job,) = device.algorithms
    assert (job.algorithm.file, job.start, job.size) == ("big.FLM", 0, 0x10000), "that of the family is for larger ones"
    assert (job.ram_start, job.ram_size) == (0x2000_0000, 0x1000)
    (sram,) = [memory for memory in opened.device("BIG64QxA").memories if memory.name == "SRAM"]
    assert sram.size == 0x4000
    assert opened.device("BIG64QFA").name == "BIG64QxA"
    assert opened.device("small").algorithms[0].algorithm.file == "small.FLM"


@needs_gcc
def test_the_chip_of_a_device(pack: Path) -> None:
    chip = chip_of_pack(open_pack(pack).device("BIG64"))
    assert chip.name == "BIG64"
    assert chip.banks == [(0, 0x10000)]
    assert (chip.ram.start, chip.ram.size) == (0x2000_0000, 0x1000), "what the algorithm asks for"
    kinds = {address: region_at(chip.regions, address) for address in (0x1FFF_0000, 0x1000_0FFC, 0x1100_0000)}
    assert [(region.kind, region.name) for region in kinds.values() if region] == [
        ("rom", "Boot"),
        ("ram", "IRAM2"),
        ("rom", "code"),
    ]
    ends = [region.end for region in chip.regions]
    assert [region.start for region in chip.regions] == [0, *ends[:-1]], "everything has a place, and one"
    assert ends[-1] == 1 << 32


@needs_gcc
def test_flash_and_ram_as_the_pack_has_them(pack: Path) -> None:
    opened = open_pack(pack)
    small = chip_of_pack(opened.device("SMALL32"))
    assert small.banks == [(0, 0x8000)]
    assert (small.ram.start, small.ram.size) == (0x2000_0000, 0x1000)
    of_first_core = chip_of_pack(opened.device("PAIR1"))
    assert (of_first_core.ram.start, of_first_core.ram.size) == (0x2000_0400, 0x1C00)
    by_hand = chip_of_pack(opened.device("SMALL32"), [generic("generic-m0plus")], (0x2000_0800, 0x800))
    assert by_hand.banks == [(0, 0x10000)]
    assert by_hand.ram.start == 0x2000_0800


@needs_gcc
@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        (
            "",
            UserError,
            "a pack is for many devices, and none was named. Name one with --chip; it has BIG64, BIG64QxA, SM",
        ),
        ("BIG46", UserError, "named 'BIG46' in chips.pack failed: it has no such device. The nearest names are BIG64"),
        ("PAIR", UserError, "The nearest names are PAIR1, PAIR2, PAIR3, PAIR4"),
        ("wholly else", UserError, "it has no such device. It has BIG64, "),
        (
            "BARE",
            UserError,
            "Using the pack's BARE failed: the pack does not say where it has RAM. Say where with --ram",
        ),
        ("PAIR2", ImageError, "Looking up PAIR2 in chips.pack failed: its memory SRAM has size='0x2k', which is no"),
        ("PAIR3", ImageError, "its flash algorithm '../../etc/passwd' is not in the pack"),
        (
            "PAIR4",
            UserError,
            "by FlashDevice it is for 0x00000000 to 0x0000FFFF, by the pack for 0x90000000 to 0x90000FFF",
        ),
    ],
)
def test_what_cannot_be_gives_its_sentence(pack: Path, name: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as caught:
        chip_of_pack(open_pack(pack).device(name))
    assert sentence in str(caught.value)


def zipped(**files: bytes | str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_pdsc", ".pdsc"), content)
    return stream.getvalue()


def described(*inner: str) -> bytes:
    return zipped(a_pdsc=f"<package><devices>{''.join(inner)}</devices></package>")


BOMB = (
    "<!DOCTYPE x [" + "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9)) + "]><package>&e9;</package>"
)
HOSTILE: dict[str, tuple[bytes, str]] = {
    "no zip": (b"hello", "it is no zip file, or a damaged one"),
    "empty": (b"", "it is no zip file, or a damaged one"),
    "cut off": (described('<device Dname="x"/>')[:-30], "it is no zip file, or a damaged one"),
    "no description": (
        zipped(readme="hello"),
        r"it has no description \(.pdsc\). Give a CMSIS-Pack with device support",
    ),
    "two descriptions": (zipped(a_pdsc="", b_pdsc=""), "it has 2 descriptions"),
    "description in a folder": (zipped(**{"x/a_pdsc": ""}), "it has no description"),
    "no XML": (zipped(a_pdsc="hello"), "its description is damaged"),
    "XML cut off": (zipped(a_pdsc=DESCRIPTION[:500]), "its description is damaged"),
    "no devices": (zipped(a_pdsc="<package/>"), "its description has no devices"),
    "entity bomb": (zipped(a_pdsc=BOMB), "its description declares a document type"),
    "a file as entity": (
        zipped(a_pdsc='<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]><package>&f;</package>'),
        "its description declares a document type",
    ),
    "undeclared entity": (zipped(a_pdsc="<package>&x;</package>"), "its description is damaged"),
    "deep": (described("<family>" * 5000), "nested more than 100 elements deep"),
    "many": (described("<x/>" * 510_000), "more than 500000 elements"),
    "zip bomb": (zipped(a_pdsc=b"<package>" + b" " * (33 << 20)), "a.pdsc in it is larger than 32 MiB"),
    "strange encoding": (zipped(a_pdsc='<?xml version="1.0" encoding="x-none"?><package/>'), "its description"),
    "huge directory": (
        zipped(a_pdsc="x")[:-10] + (1 << 30).to_bytes(4, "little") + bytes(6),
        "its zip directory has 1073741824 bytes",
    ),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_packs_give_one_sentence_quickly(hostile: str, tmp_path: Path) -> None:
    content, sentence = HOSTILE[hostile]
    path = tmp_path / "bad.pack"
    path.write_bytes(content)
    started = time.process_time()
    with pytest.raises(ImageError, match=sentence) as caught:
        open_pack(path)
    assert str(caught.value).startswith("Opening the pack bad.pack failed: ")
    assert time.process_time() - started < 3


def test_an_algorithm_that_unpacks_to_too_much(tmp_path: Path) -> None:
    path = make_pack(tmp_path / "chips.pack", DESCRIPTION, big=bytes(17 << 20))
    with pytest.raises(ImageError, match=r"big\.FLM in it is larger than 16 MiB"):
        open_pack(path).device("PAIR1")


def test_a_pack_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot be read \(No such file or directory\)"):
        open_pack(tmp_path / "none.pack")


@needs_gcc
def test_two_algorithms_for_the_same_flash() -> None:
    with pytest.raises(UserError, match=r"generic-m4\.FLM and generic-m0plus\.FLM are both for 0x00000000"):
        chip_of_algorithms([generic("generic-m0plus"), generic("generic-m4")], None, (0x2000_0000, 0x2000))


def test_ram_without_an_algorithm() -> None:
    with pytest.raises(UserError, match="Using --ram failed: it is for flash algorithms, and none is given"):
        select(ram=(0, 1))


@needs_gcc
def test_an_algorithm_without_ram() -> None:
    with pytest.raises(UserError, match=r"so it is not known where it has RAM\. Say where with --ram"):
        chip_of_algorithms([generic("generic-m4")])


def test_of_two_regions_for_the_same_bytes_the_first_has_them() -> None:
    first, second = Region("flash", "a", 0x100, 0x100, 0x10), Region("ram", "b", 0x80, 0x300)
    assert overlaid([first, second]) == (
        Region("ram", "b", 0x80, 0x80),
        first,
        Region("ram", "b", 0x200, 0x180),
    )
