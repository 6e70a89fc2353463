"""Make 800 threads; more than a job may have."""
import threading


def attack(target):
    end = threading.Event()
    threads = []
    try:
        while len(threads) < 800:
            threads.append(threading.Thread(target=end.wait, daemon=True))
            threads[-1].start()
    except RuntimeError:
        threads.pop()
    finally:
        end.set()
        for thread in threads:
            thread.join()
    return len(threads) if len(threads) >= 800 else None
