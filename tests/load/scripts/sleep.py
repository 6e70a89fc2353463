import time


def main():
    time.sleep(0.2)
    return "rested"
