# Makes the attacks. The last part of the self-test.

import os


def outcome(attack):
    try:
        got = attack()
    except OSError:
        return None
    except Exception as error:
        return f"broken: {type(error).__name__}: {error}"[:200]
    return str(got)[:200] if got else None


def main():
    try:
        os.mkdir(SCRATCH)
    except OSError:
        pass  # a jail without a place to write is as good a place to attack from
    outcomes = {attack.__name__: outcome(attack) for attack in ATTACKS}
    try:
        os.rmdir(SCRATCH)
    except OSError:
        pass  # an attack that worked may have taken the right to; the jail's scratch goes with the jail
    return {"attacks": outcomes}
