#!/usr/bin/env python3
"""Configuring with g++ 12, which miscompiles coroutines, must fail with a sentence.

    check_compiler.py SOURCE_FOLDER CMAKE

Exit status 77 (skipped) where there is no such g++.
"""

import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def main() -> int:
    compiler = shutil.which("g++")
    if compiler is None:
        print("skipped: no g++ here")
        return SKIPPED
    version = subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=True).stdout
    if int(version.split(".")[0]) >= 13:
        print(f"skipped: g++ {version.strip()} is not one of those refused")
        return SKIPPED
    with tempfile.TemporaryDirectory() as build:
        done = subprocess.run(
            [sys.argv[2], "-S", sys.argv[1], "-B", build, f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_CXX_FLAGS="],
            capture_output=True,
            text=True,
            check=False,
        )
    told = re.sub(r"\s+", " ", done.stderr)
    if done.returncode == 0 or "miscompiles coroutines" not in told or "clang++-19" not in told:
        print(f"exit status {done.returncode}; it said: {told}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
