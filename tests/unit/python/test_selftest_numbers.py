"""The self-test makes system calls by number: each number is the kernel's own, on every architecture."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ATTACK = Path(__file__).resolve().parents[3] / "python_env/selftest/attack.py"
# The kernel's headers, which every compiler here finds: one for x86-64, one for all newer architectures.
HEADERS = {"x86_64": "asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}


def constant(name):
    for node in ast.parse(ATTACK.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return node.value
    raise AssertionError(f"{ATTACK} has no {name}")


def numbers_of(header):
    wanted = ["-D__ARCH_WANT_SYS_CLONE3", "-D__ARCH_WANT_MEMFD_SECRET"]  # arm64 has both
    defines = subprocess.run(
        ["gcc", "-E", "-dM", *wanted, "-include", header, "-x", "c", "/dev/null"], capture_output=True, text=True)
    if defines.returncode:
        pytest.skip(f"no {header} here")
    text = re.sub(r"__NR3264_(\w+)", r"__NR_\1", defines.stdout)
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)$", text, re.M)}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_the_kernels(machine):
    numbers = ast.literal_eval(constant("NUMBERS"))
    columns = ast.literal_eval(constant("COLUMN").value)
    known = numbers_of(HEADERS[machine])
    assert len(known) > 250
    found = {name: row[columns[machine]] for name, row in numbers.items() if name in known}
    assert {name: number for name, number in found.items() if known[name] != number} == {}
    # Headers of Debian 12 are older than a few of the calls.
    assert set(numbers) - set(found) <= {"listmount", "cachestat"}
