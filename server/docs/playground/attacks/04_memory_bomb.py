# Memory bomb
# about: "Memory is limited for each process. The job ends, and nothing else notices."
# outcomes: ["memory_limit"]

def main():
    blocks = []
    while True:
        blocks.append(bytearray(64 << 20))
        print(f"{64 * len(blocks)} MiB", flush=True)
