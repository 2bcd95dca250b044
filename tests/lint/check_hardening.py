#!/usr/bin/env python3
"""Checks what the compiler was asked to protect is protected in the binary: PIE, full
RELRO, no executable stack, stack protector and, in an optimised build, FORTIFY.

    check_hardening.py BINARY [--fortified]
"""

import re
import subprocess
import sys


def readelf(*options: str) -> str:
    return subprocess.run(["readelf", "-W", *options], capture_output=True, text=True, check=True).stdout


def faults(binary: str, fortified: bool) -> list[str]:
    out = []
    header, segments = readelf("-h", binary), readelf("-l", binary)
    dynamic, symbols = readelf("-d", binary), readelf("--dyn-syms", binary)
    if not re.search(r"Type:\s+DYN", header) or "INTERP" not in segments:
        out.append("not a position-independent executable")
    if "GNU_RELRO" not in segments:
        out.append("no RELRO segment")
    if not re.search(r"BIND_NOW|FLAGS_1.*NOW", dynamic):
        out.append("RELRO is not full: symbols are bound lazily")
    stack = re.search(r"GNU_STACK.*", segments)
    if stack is None or "RWE" in stack.group():
        out.append("the stack is executable")
    if "__stack_chk_fail" not in symbols:
        out.append("no stack protector")
    if fortified and not re.search(r"__(mem|str|v?sn?printf|v?fprintf|read|recv)\w*_chk", symbols):
        out.append("no call is fortified")
    if re.search(r"\((RPATH|RUNPATH)\)", dynamic):
        out.append("the binary looks for libraries in a path of the build machine")
    return out


def main() -> int:
    found = faults(sys.argv[1], "--fortified" in sys.argv[2:])
    for fault in found:
        print(f"{sys.argv[1]}: {fault}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
