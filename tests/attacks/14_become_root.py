"""Become another user."""
import os


def attack(target):
    for uid in (0, 1, 65534):
        try:
            os.setresuid(uid, uid, uid)
            return [uid]
        except OSError:
            pass
