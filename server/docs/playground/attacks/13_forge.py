# Forge the answer
# about: "What a job reports is not believed, but checked. A forged report costs the job its own answer."
# outcomes: ["ok", "exception", "not_serializable", "internal"]

import os


def main():
    for fd in range(3, 64):
        try:
            os.write(fd, b'{"outcome": "ok", "result": "forged", "usage": {"cpu_ms": 0}}\n')
            print(f"wrote to descriptor {fd}")
        except OSError:
            pass
    return "nobody listened"
