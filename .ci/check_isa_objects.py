"""Checks that the objects of cpp/core/isa share nothing with the rest of the program but their table of kernels.

An inline function compiled with AVX2 and exported as a weak symbol may be the copy that the linker keeps for everybody,
and code that runs at load time would run on machines without the instruction set. So an object must define one global
symbol, its table, no weak or unique one, and have no initialisers.

No object of the core may touch an MMX register: that leaves the x87 registers in a state in which the next function that
computes in long double, as LAPACK's norms do, gets NaN. usage: check_isa_objects.py BUILD_DIRECTORY
"""

import argparse
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

# What a bad object may look like: each of these must be found out.
PLANTED = {
    "a second global symbol": "extern const int table_planted; const int table_planted = 1; int helper() { return 2; }",
    "a weak symbol": """
        extern const int table_planted; const int table_planted = 1;
        template <class T> __attribute__((noinline)) T twice(T x) { return x + x; }
        static __attribute__((used)) int use(int x) { return twice(x); }""",
    "an initialiser": """
        extern const int table_planted; const int table_planted = 1;
        int compute(); static volatile int at_load = compute();""",
    "no table": "static __attribute__((used)) int nothing() { return 1; }",
}
MMX = """
    extern const int table_planted; const int table_planted = 1;
    static __attribute__((used)) void move(const long* x) { asm volatile("movq (%0), %%mm0" : : "r"(x)); }"""
GOOD = "extern const int table_planted; const int table_planted = 1;"


def run(*command: str | Path) -> str:
    """Return what a command prints."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return done.stdout


def faults(object_file: Path, table: str) -> list[str]:
    """Say what an object defines beside its table: from nm, `name type value size` a line."""
    found = []
    symbols = [line.split()[:2] for line in run("nm", "--defined-only", "--format=posix", object_file).splitlines()]
    for name, kind in symbols:
        if kind in "WwVvu":
            found.append(f"weak symbol {name}")
        elif kind.isupper() and not re.fullmatch(rf"(_ZN10softmargin\d+)?{table}E?", name):
            found.append(f"global symbol {name} ({kind})")
    if sum(kind.isupper() and kind not in "WV" for _, kind in symbols) != 1:
        found.append("not exactly one global symbol")
    sections = run("readelf", "--section-headers", "--wide", object_file)
    found += [f"section {name}" for name in re.findall(r"\.(?:init_array|ctors|init|preinit_array)\b\S*", sections)]
    return found


def mmx_fault(object_file: Path) -> list[str]:
    """Say whether x86 code moves anything by way of an MMX register."""
    code = run("objdump", "--disassemble", "--no-show-raw-insn", object_file)
    return ["an MMX register"] if re.search(r"%mm[0-7]", code) else []


def check_control(compiler: list[str]) -> list[str]:
    """Plant bad objects, and say which of them went unnoticed."""
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "planted.cpp", Path(folder) / "planted.o"
        for name, text in {"nothing": GOOD, **PLANTED}.items():
            source.write_text(text)
            run(*compiler, "-std=c++20", "-O1", "-fvisibility=hidden", "-c", source, "-o", target)
            found = faults(target, "table_planted")
            print(f"  control, planted {name}: {'; '.join(found) or 'no fault'}")
            if bool(found) != (name in PLANTED):
                missed.append(name)
        if platform.machine() in ("x86_64", "AMD64"):
            source.write_text(MMX)
            run(*compiler, "-std=c++20", "-O1", "-c", source, "-o", target)
            print(f"  control, planted an MMX move: {'; '.join(mmx_fault(target)) or 'no fault'}")
            if not mmx_fault(target):
                missed.append("an MMX move")
    return missed


def main() -> int:
    """Check all objects of a build directory, then the check itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--compiler", default="c++", help="for the planted objects")
    arguments = parser.parse_args()
    objects = sorted(arguments.build.glob("**/cpp/core/isa/*.o"))
    failed = not objects
    if not objects:
        print(f"no objects of cpp/core/isa below {arguments.build}")
    for path in objects:
        found = faults(path, f"table_{path.name.split('.')[0]}")
        print(f"{path.name}: {'; '.join(found) or 'one table and nothing else'}")
        failed |= bool(found)
    for path in sorted(arguments.build.glob("**/cpp/**/*.o")):
        if mmx_fault(path):
            print(f"{path.name}: an MMX register")
            failed = True
    missed = check_control(shlex.split(arguments.compiler))
    for name in missed:
        print(f"the control failed: planted {name}")
    return int(failed or bool(missed))


if __name__ == "__main__":
    sys.exit(main())
