# Endless loop
# about: "The supervisor, outside of the jail, ends the job when its time is over. Stop ends it at once."
# timeout: 3
# outcomes: ["time_limit"]

import signal


def main():
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    print("every signal is ignored that can be", flush=True)
    while True:
        pass
