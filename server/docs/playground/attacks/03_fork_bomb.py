# Fork bomb
# about: "A job may have so many processes and no more. All of them end with it."
# outcomes: ["ok"]

import os
import signal


def main():
    children, stopped = [], "NOTHING stopped it"
    while len(children) < 100_000:
        try:
            child = os.fork()
        except OSError as error:
            stopped = f"stopped: {error.strerror}"
            break
        if child == 0:
            signal.pause()
        children.append(child)
    print(f"{len(children)} children were made, and all of them are still there")
    return stopped
