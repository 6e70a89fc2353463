"""Change what this process is to its family and to its tracers: adopt orphans, keep capabilities, name a tracer."""
import ctypes

CONTROLS = {"PR_SET_CHILD_SUBREAPER": (36, 1), "PR_SET_KEEPCAPS": (8, 1), "PR_SET_SECUREBITS": (28, 0),
            "PR_SET_PTRACER": (0x59616D61, -1), "PR_CAP_AMBIENT": (47, 4), "PR_SET_TIMERSLACK": (29, 1),
            "PR_MCE_KILL": (33, 0), "PR_SET_THP_DISABLE": (41, 1)}


def attack(target):
    libc = ctypes.CDLL(None, use_errno=True)
    return [
        name for name, (option, value) in CONTROLS.items()
        if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) == 0
    ]
