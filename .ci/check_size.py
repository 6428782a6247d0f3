"""Checks that the installed package, compressed as in a wheel, stays small."""

import sys
import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

LIMIT = 2_000_000  # bytes


def main() -> int:
    """Pack the installed package and compare."""
    spec = find_spec("softmargin")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(package.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    archive.write(path, path.relative_to(package.parent))
        size = file.tell()
    print(f"{package.name}: {size} bytes compressed, {LIMIT} allowed")
    return int(size > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
