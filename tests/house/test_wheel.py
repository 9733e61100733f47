"""The wheel holds exactly the tree's packages: a new folder named in one place only would be missing."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("server", "probes", "arm", "flash", "sim", "gdb_scripts")


def tree_files() -> set[str]:
    """What git would ship: tracked and new files of the packages, under their installed names."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    package = {f"haltpoint/{name}" for name in listed if (ROOT / name).is_file()}
    own = {f"haltpoint/{path.name}" for path in (ROOT / "src" / "haltpoint").iterdir() if path.is_file()}
    return package | own


def test_wheel_holds_the_tree(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == tree_files()
