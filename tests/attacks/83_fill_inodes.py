"""Make more files than a job may have: each is memory of the kernel."""
import os

LEVELS = (3, 4)  # below, scratch is not a file system of the job's own
NOT_PROMISED_ON = {"gvisor": "its tmpfs counts no files; they are memory of its own (SECURITY.md)"}
WANTED = 17_000


def attack(target):
    place = os.path.join(os.getcwd(), "pyexec-inodes")
    os.mkdir(place)
    made = 0
    try:
        while made < WANTED:
            os.close(os.open(f"{place}/{made}", os.O_CREAT | os.O_WRONLY))
            made += 1
        return made
    except OSError:
        return None
    finally:
        for number in range(made):
            os.unlink(f"{place}/{number}")
        os.rmdir(place)
