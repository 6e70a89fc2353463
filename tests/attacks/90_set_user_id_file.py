"""Leave a set-user-id program of one's own where the kernel honours it."""
import os
import stat

LEVELS = (3, 4)  # below, the operator's scratch decides; such a file is the job's own powerless user's


def attack(target):
    path = os.path.join(os.getcwd(), "pyexec-set-user-id")
    open(path, "w").close()
    try:
        os.chmod(path, 0o4755)
        return os.stat(path).st_mode & stat.S_ISUID and not os.statvfs(path).f_flag & os.ST_NOSUID
    finally:
        os.unlink(path)
