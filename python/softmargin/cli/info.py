"""`softmargin info`: how this installation was built and what it does on this machine."""

from __future__ import annotations

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import softmargin as sm

PACKAGES = ("numpy", "scipy", "scikit-learn", "safetensors", "cyclopts", "rich", "matplotlib", "polars")


def info(*, as_json: bool) -> int:
    """Print `build_info` and the versions of what it works with."""
    build = dict(sm.build_info())
    facts = {
        **build,
        "losses": sm.losses.names(),
        "penalties": sm.penalties.names(),
        "rules": sm.optimizers.names(),
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
    }
    if as_json:
        print(json.dumps(facts))
        return 0
    width = max(map(len, facts))
    for name, value in facts.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number or 'not installed'}" for key, number in value.items())
        elif isinstance(value, tuple | list):
            value = ", ".join(map(str, value))
        print(f"{name.replace('_', ' '):<{width}}  {value}")
    return 0


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
