"""The layers of the source tree, by grepping it; each rule is also shown a planted violation that it must catch."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A Python module may import modules of lower layers, and those that share its line only where it is a package.
LAYERS = [
    {"_core"},
    {"_validation", "reference"},
    {"losses", "penalties", "gradcheck", "config", "model"},
    {"optimizers", "schedules"},
    {"objective", "model_file"},
    {"training"},
    {"solvers", "search"},
    {"estimators"},
    {"plotting", "linear_model", "svm"},
    {"bench"},
    {"cli"},
]
LAYER = {module: number for number, modules in enumerate(LAYERS) for module in modules}
MAY_IMPORT_SKLEARN = {"estimators", "plotting", "linear_model", "svm", "cli"}
# Factors and triangular solves are scipy's; the optimisers are our own.
SCIPY = {"solvers": {"scipy.linalg", "scipy.sparse"}}
NOWHERE = "scipy.optimize"

# In cpp/core, the four things that are chosen independently of each other, and what they may include from outside their
# folder: headers of core itself that know none of them. A layout reads rows for the loops in kernels/; a rule applies
# the proximal step of a penalty, known only by its contract.
AXES = {
    "losses": {"math.h", "views.h", "type_list.h"},
    "penalties": {"math.h", "views.h", "type_list.h"},
    "optimizers": {"math.h", "views.h", "type_list.h", "penalties/penalty.h"},
    "layouts": {
        "math.h",
        "views.h",
        "type_list.h",
        "packed.h",
        "kernels/scores.h",
        "kernels/gradient.h",
        "kernels/simd.h",
    },
}
CONTRACTS = {"losses": "loss.h", "penalties": "penalty.h", "optimizers": "optimizer.h"}
# What the other folders may not reach: who chooses kernels, starts threads and loops over data.
KERNELS_MAY_INCLUDE = {"math.h", "views.h", "type_list.h", "packed.h", "losses", "penalties", "optimizers", "layouts"}


def files(root, *patterns):
    return sorted(path for pattern in patterns for path in root.glob(pattern) if "__pycache__" not in path.parts)


def imports(path, package):
    """The modules that a Python file imports, absolute, wherever in the file it does: `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (base, node.module) if part)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def python_layering(root):
    package_root = root / "python/softmargin"
    for path in files(package_root, "**/*.py"):
        relative = path.relative_to(package_root)
        if relative == Path("__init__.py"):
            continue  # it imports everything, on first touch
        own = relative.parts[0].removesuffix(".py")
        if own not in LAYER:
            yield f"{relative}: of no layer"
            continue
        for name in imports(path, ("softmargin", *relative.parts[:-1])):
            package, _, rest = name.partition(".")
            if package == "sklearn" and own not in MAY_IMPORT_SKLEARN:
                yield f"{relative}: imports {name}"
            if f"{name}.".startswith(f"{NOWHERE}.") or (own in SCIPY and package == "scipy" and not allowed(name, own)):
                yield f"{relative}: imports {name}"
            if own == "reference" and package not in {"numpy", "softmargin", *sys.stdlib_module_names}:
                yield f"{relative}: imports {name}"
            if package != "softmargin" or not rest:
                continue
            other = rest.split(".")[0]
            # A name that is no module comes from the package itself, like __version__.
            if other in LAYER and other != own and LAYER[other] >= LAYER[own]:
                yield f"{relative}: imports {name}"
            if own == "reference" and other != "reference":
                yield f"{relative}: imports {name}"


def allowed(name, own):
    """Whether a module of scipy, or a name in it, is one that `own` may import."""
    return any(f"{name}.".startswith(f"{module}.") for module in SCIPY[own])


def includes(path, core):
    """The headers that a C++ file includes: paths below cpp/core for ours, the text between <> for others."""
    for bracket, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)', path.read_text(), re.MULTILINE):
        if bracket == "<":
            yield None, name
            continue
        for base in (path.parent, core.parent):
            target = (base / name).resolve()
            if target.is_file() and target.is_relative_to(core):
                yield target.relative_to(core), name
                break
        else:
            yield None, name


def cpp_layering(root):
    core = (root / "cpp/core").resolve()
    for path in files(core, "**/*.h", "**/*.cpp", "**/*.inl"):
        relative = path.relative_to(core)
        folder = relative.parts[0] if len(relative.parts) > 1 else None
        for target, name in includes(path, core):
            if re.match(r"pybind11|Python\.h|numpy/|.*bindings", name):
                yield f"{relative}: includes {name}"
            if target is None:
                continue
            other = target.parts[0]
            same = folder is not None and other == folder
            if folder in AXES and not same and target.as_posix() not in AXES[folder]:
                yield f"{relative}: includes {target}"
            if folder == "kernels" and not same and other not in KERNELS_MAY_INCLUDE:
                yield f"{relative}: includes {target}"
            if folder == "isa" and other != "kernels":
                yield f"{relative}: includes {target}"
            # One loss, penalty or rule is known to its registry alone; others ask for it by name.
            if folder not in AXES and other in CONTRACTS and target.name not in {"registry.h", CONTRACTS[other]}:
                yield f"{relative}: includes {target}"


def parallel_regions(root):
    for path in files(root / "cpp", "**/*.h", "**/*.cpp", "**/*.inl"):
        if path.name == "parallel.cpp":
            continue
        for directive in re.findall(
            r"#\s*pragma\s+omp\s+(?!simd)(\w+)|_Pragma\(\s*\"omp\s+(?!simd)(\w+)", path.read_text()
        ):
            yield f"{path.name}: omp {''.join(directive)}"
        for word in re.findall(r"<omp\.h>|\bstd::j?thread\b|\bstd::async\b|\bpthread_create\b", path.read_text()):
            yield f"{path.name}: {word}"


def cpu_questions(root):
    for path in files(root / "cpp", "**/*.h", "**/*.cpp", "**/*.inl"):
        if path.name == "dispatch.cpp":
            continue
        for word in re.findall(r"__builtin_cpu_\w+|\bcpuid\b|_xgetbv|getauxval", path.read_text()):
            yield f"{path.name}: {word}"


def build_flags(root):
    text = re.sub(r"#.*", "", (root / "CMakeLists.txt").read_text())
    yield from re.findall(
        r"-ffast-math|-Ofast|-funsafe-math\w*|-flto[=\w]*|/fp:fast|-march=native|INTERPROCEDURAL\w+ ON", text
    )
    for path in files(root / "cpp", "**/*.h", "**/*.cpp", "**/*.inl"):
        yield from re.findall(
            r"#\s*pragma\s+(?:GCC|clang)\s+optimize\b.*|float_control.*|fp\s+reassociate.*", path.read_text()
        )


def versions(root):
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    stated = re.compile(rf"(?<![\d.]){re.escape(version)}(?![\d.]*\d)")
    for path in files(root, "pyproject.toml", "CMakeLists.txt", "python/**/*.py", "python/**/*.pyi", "cpp/**/*.*"):
        for line in path.read_text().splitlines():
            if stated.search(line):
                yield f"{path.name}: {line.strip()}"


def versions_but_one(root):
    found = list(versions(root))
    return [line for line in found if not line.startswith('pyproject.toml: version = "')] + found[: 0 if found else 1]


def first_lines(root):
    for path in files(root, "python/**/*.py", "tests/**/*.py"):
        if not path.read_text().lstrip().startswith(('"""', 'r"""')):
            yield f"{path.name}: begins without saying its responsibility"
    for path in files(root, "cpp/**/*.h", "cpp/**/*.cpp", "cpp/**/*.inl", "python/**/*.pyi"):
        if not path.read_text().startswith(("// ", "# ")):
            yield f"{path.name}: begins without saying its responsibility"


# Each rule, and violations to plant: a file, the text to append, and what the rule says then.
RULES = {
    python_layering: [
        (
            "python/softmargin/losses.py",
            "from softmargin.training import fit\n",
            "losses.py: imports softmargin.training.fit",
        ),
        (
            "python/softmargin/losses.py",
            "def f():\n    from . import training\n",
            "losses.py: imports softmargin.training",
        ),
        ("python/softmargin/_validation/new.py", "import sklearn.base\n", "_validation/new.py: imports sklearn.base"),
        (
            "python/softmargin/reference/losses.py",
            "from .. import _core\n",
            "reference/losses.py: imports softmargin._core",
        ),
        ("python/softmargin/reference/losses.py", "import scipy\n", "reference/losses.py: imports scipy"),
        (
            "python/softmargin/solvers/lbfgs.py",
            "from scipy.optimize import minimize\n",
            "solvers/lbfgs.py: imports scipy.optimize.minimize",
        ),
        ("python/softmargin/search.py", "import scipy.optimize\n", "search.py: imports scipy.optimize"),
        (
            "python/softmargin/solvers/lbfgs.py",
            "from scipy import stats\n",
            "solvers/lbfgs.py: imports scipy.stats",
        ),
        (
            "python/softmargin/solvers/lbfgs.py",
            "def f():\n    from softmargin.linear_model import LogisticRegression\n",
            "solvers/lbfgs.py: imports softmargin.linear_model.LogisticRegression",
        ),
        ("python/softmargin/shortcut.py", '"""A new module."""\n', "shortcut.py: of no layer"),
    ],
    cpp_layering: [
        ("cpp/core/objective.h", "#include <pybind11/numpy.h>\n", "objective.h: includes pybind11/numpy.h"),
        ("cpp/core/views.h", "#include <Python.h>\n", "views.h: includes Python.h"),
        ("cpp/core/losses/mse.h", '#include "../penalties/l2.h"\n', "losses/mse.h: includes penalties/l2.h"),
        ("cpp/core/losses/mse.h", '#include "core/parallel.h"\n', "losses/mse.h: includes parallel.h"),
        ("cpp/core/kernels/scores.h", '#include "../dispatch.h"\n', "kernels/scores.h: includes dispatch.h"),
        ("cpp/core/objective.h", '#include "losses/hinge.h"\n', "objective.h: includes losses/hinge.h"),
        ("cpp/core/isa/avx2.cpp", '#include "../objective.h"\n', "isa/avx2.cpp: includes objective.h"),
    ],
    parallel_regions: [
        ("cpp/core/objective.cpp", "#pragma omp parallel for\n", "objective.cpp: omp parallel"),
        ("cpp/core/kernels/scores.h", '_Pragma("omp critical")\n', "scores.h: omp critical"),
        ("cpp/core/train.cpp", "std::thread t;\n", "train.cpp: std::thread"),
    ],
    cpu_questions: [("cpp/core/train.cpp", '__builtin_cpu_supports("avx2");\n', "train.cpp: __builtin_cpu_supports")],
    build_flags: [
        ("CMakeLists.txt", "target_link_options(_core PRIVATE -ffast-math)\n", "-ffast-math"),
        ("CMakeLists.txt", "target_compile_options(_core PRIVATE -flto=auto)\n", "-flto=auto"),
    ],
    versions_but_one: [
        ("python/softmargin/config.py", '__version__ = "{version}"\n', 'config.py: __version__ = "{version}"'),
        ("CMakeLists.txt", "project(x VERSION {version})\n", "CMakeLists.txt: project(x VERSION {version})"),
    ],
    first_lines: [
        ("python/softmargin/_new.py", "import sys\n", "_new.py: begins without saying its responsibility"),
        ("cpp/core/new.h", "#pragma once\n", "new.h: begins without saying its responsibility"),
    ],
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_tree_keeps(rule):
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_violation_is_caught(rule, tmp_path):
    """The control: what the rule finds in a tree where nothing but one line is wrong is that line."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for number, (name, text, found) in enumerate(RULES[rule]):
        tree = tmp_path / str(number)
        for path in files(ROOT, "pyproject.toml", "CMakeLists.txt", "python/**/*.py", "cpp/**/*.*"):
            copy = tree / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(before + text.replace("{version}", version))
        assert list(rule(tree)) == [found.replace("{version}", version)]
