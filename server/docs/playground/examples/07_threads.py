# Processes
# about: "Threads and processes work in the jail. They end with their job."

import multiprocessing
import os


def square(n):
    return {"n": n, "square": n * n, "process": os.getpid()}


def main():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(square, range(6))
