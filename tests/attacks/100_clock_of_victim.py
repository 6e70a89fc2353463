"""Read the processor time of another process: the number of its clock is made of its pid."""
import time


def attack(target):
    return time.clock_gettime((~target["victim_pid"] << 3) | 2) >= 0
