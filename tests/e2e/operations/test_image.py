"""Workers are forked from an image of the warm interpreter's memory."""

import os
import re
from pathlib import Path

import pytest

from processes import descendants_of
from request_parts import OK


def can_make_images():
    """Whether this kernel makes huge pages of shared memory when it is asked to."""
    release = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
    setting = Path("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
    return release >= (6, 1) and setting.exists() and "[deny]" not in setting.read_text()


@pytest.mark.parametrize("level", (4, 1))
def test_workers_are_forked_from_an_image_where_the_kernel_makes_one(start, level):
    if not can_make_images():
        pytest.skip("this kernel makes no huge pages of shared memory")
    service = start(pool=1, max_level=level)
    memory = service.health()["memory"]
    assert memory["layout"] == "image" and memory["image_bytes"] > 50e6
    workers = [pid for pid in descendants_of(service.process.pid) if Path(f"/proc/{pid}/comm").read_text() == "pyexec-worker\n"]
    assert workers
    for pid in workers:
        rights = [line.split()[1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if "memfd:pyexec" in line]
        assert rights and set(rights) <= {"r-xp", "rw-p"}
        assert not [fd for fd in os.listdir(f"/proc/{pid}/fd") if "memfd" in os.readlink(f"/proc/{pid}/fd/{fd}")]


def test_an_image_is_not_made_if_it_is_not_wanted(start):
    service = start(pool=1, memory_image="off")
    assert service.health()["memory"] == {"layout": "pages", "reason": "not wanted"}
    assert service.execute(OK).status == 200
