# Read the host's passwords
# about: "The jail has a root of its own, with what Python needs and no secrets."
# outcomes: ["ok"]

WANTED = ["/etc/shadow", "/root/.ssh/id_rsa", "/proc/1/environ", "/proc/self/root/etc/shadow", "/dev/sda"]


def main():
    seen = {}
    for path in WANTED:
        try:
            with open(path, "rb") as file:
                seen[path] = f"READ {len(file.read())} bytes"
        except OSError as error:
            seen[path] = f"stopped: {error.strerror}"
    return seen
