"""Make the course as students get it, without the answers: out/hand-out/ and out/hand-out.zip.

It is what was committed last, but for what .gitattributes leaves out, with a README and a Makefile
of its own, from docs/handout/.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = ("docs/handout/README.md", "docs/handout/Makefile")


def main() -> int:
    try:
        folder = hand_out(ROOT, ROOT / "out" / "hand-out")
    except (RuntimeError, OSError) as problem:
        print(f"hand_out: {problem}", file=sys.stderr)
        return 1
    files = [path for path in folder.rglob("*") if path.is_file()]
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder} and {folder.with_suffix('.zip')}: {len(files)} files, {megabytes:.0f} MB")
    return 0


def hand_out(root: Path, folder: Path) -> Path:
    """Write the folder and a zip beside it; those of before stay until the new ones are whole.

    Raises:
        RuntimeError: git cannot make the archive, say because `root` is no clone.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        packed = Path(draft) / "packed.zip"
        archive(root, packed, folder.name)
        shutil.unpack_archive(packed, draft)
        shutil.rmtree(folder, ignore_errors=True)
        (Path(draft) / folder.name).rename(folder)
        packed.replace(folder.with_suffix(".zip"))
    return folder


def archive(root: Path, path: Path, name: str) -> None:
    """Zip what was committed last, in a folder of this name."""
    added = [f"--add-file={file}" for file in OWN]
    asked = ["git", "archive", "-o", str(path), f"--prefix={name}/", *added, "HEAD"]
    try:
        done = subprocess.run(asked, cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError(
            "got no git on this machine; expected it, because it knows which files belong to the "
            "course: install git and try again"
        ) from None
    if done.returncode:
        raise RuntimeError(
            f"git made no archive ({done.stderr.strip()}); expected a clone of the course's "
            "repository: an unpacked archive does not know which files belong to it"
        )


if __name__ == "__main__":
    sys.exit(main())
