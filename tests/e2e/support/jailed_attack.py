"""An attack of tests/attacks/ as the script of a job. Standard library only: whoever checks a URL has no more."""

ALL_LEVELS = (1, 2, 3, 4)

JAILED = """
{source}

def main():
    try:
        got = attack({target!r})
        return {{"got": repr(got)[:500] if got else None}}
    except OSError as error:
        return {{"denied": repr(error)}}
"""
