"""What a measurement needs of the machine: fresh processes with so many threads, and how much others use of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
NOT_DONE = "not done"  # an error that begins so means that time was over


def busy():
    """Return the seconds that all processors have been busy for everybody, and for this process, so far; Linux only, else zeros."""
    if not Path("/proc/stat").exists():
        return np.zeros(2)
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return np.array([(user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK"), time.process_time()])


def in_fresh_process(module, arguments, threads, timeout):
    """Run `python -m module arguments`; return the JSON that its last line is, or {"error": ...}."""
    environment = os.environ | dict.fromkeys(THREADS, str(threads))
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"error": f"{NOT_DONE} after {timeout:.0f} s"}
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    return json.loads(done.stdout.strip().splitlines()[-1])
