"""Take more space than a job may have, in pieces smaller than the largest file."""
import os

LEVELS = (3, 4)  # below, scratch is not a file system of the job's own


def attack(target):
    piece, names = 40 << 20, []
    try:
        for place in (os.getcwd(), "/dev/shm"):
            for number in range(4):
                names.append(os.path.join(place, f"pyexec-piece-{number}"))
                with open(names[-1], "wb") as file:
                    os.posix_fallocate(file.fileno(), 0, piece)
        return len(names) * piece
    except OSError:
        return None
    finally:
        for name in names:
            os.unlink(name)
