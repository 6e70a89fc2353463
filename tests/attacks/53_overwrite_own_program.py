"""Open the running program for writing through /proc/self/exe (CVE-2019-5736); only who may hears that it is busy."""
import errno
import os
import sys

LEVELS = (2, 3, 4)  # below, the program is a file of the job's own uid: the kernel says busy before it asks Landlock


def attack(target):
    for path in ("/proc/self/exe", sys.executable, os.path.realpath(sys.executable)):
        try:
            os.close(os.open(path, os.O_WRONLY))
            return path
        except OSError as error:
            if error.errno == errno.ETXTBSY:
                return path
