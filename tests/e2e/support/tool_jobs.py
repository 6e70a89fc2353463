"""Jobs with tools that wait for their caller."""

import textwrap

from api_keys import KEY
from templates import metric
from tools import parked, send_answers

ONE, TWO, THREE = ({"Authorization": f"Bearer {key}"} for key in (KEY, "k3y-two", "k3y-three"))
CALL = "def main():\n    return f()"
NOBODYS = "no job waits for an answer by this token"
USED = "this token was used: the answer to it had the next one"


def main(body):
    return "def main():\n" + textwrap.indent(body, "    ")


def park(service, script=CALL, headers=None, **request):
    """Returns the token, of call 1."""
    return parked(service, headers=headers, script=script, **{"tools": ["f"], **request})["continue"]


def end(service, token, result=None, headers=None):
    return send_answers(service, token, [{"id": 1, "result": result}], **(headers or {}))


def jobs_of(service):
    return metric(service, "pyexec_tool_jobs"), metric(service, "pyexec_tool_jobs_parked")


def wait_for_jobs(service, count, waiting=0):
    service.wait_until(lambda: jobs_of(service) == (count, waiting))


def resident_of(service):
    return int(next(row for row in open(f"/proc/{service.process.pid}/status") if row.startswith("VmRSS:")).split()[1]) << 10
