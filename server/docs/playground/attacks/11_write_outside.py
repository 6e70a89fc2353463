# Write outside of /tmp
# about: "Everything but /tmp is read-only, and what /tmp may hold is limited."
# outcomes: ["ok"]

import os
import sys


def main():
    seen = {}
    for folder in "/", "/usr/bin", os.path.dirname(os.__file__), "/etc", "/dev", "/var", sys.prefix:
        path = os.path.join(folder, "left_by_a_job")
        try:
            with open(path, "w") as file:
                file.write("x")
            seen[path] = "WRITTEN"
        except OSError as error:
            seen[path] = f"stopped: {error.strerror}"
    try:
        with open("/tmp/large", "wb") as file:
            for _ in range(4096):
                file.write(bytes(1 << 20))
        seen["/tmp/large"] = "WRITTEN, 4 GiB"
    except OSError as error:
        seen["/tmp/large"] = f"stopped after {os.path.getsize('/tmp/large') >> 20} MiB: {error.strerror}"
    return seen
