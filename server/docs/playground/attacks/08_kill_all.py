# kill -9 -1
# about: "The worst kill of all reaches what the job may see: at most itself."
# outcomes: ["ok", "killed", "exception"]

import os
import signal


def main():
    try:
        os.kill(-1, signal.SIGKILL)
    except OSError as error:
        return f"stopped: {error.strerror}"
    return "no process but this one was there to be killed"
