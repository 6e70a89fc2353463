"""An async main: what it leaves behind is ended as asyncio.run ends it, but that nobody waits for threads."""

import pytest


def test_threads_of_the_executor_are_not_waited_for(service):
    script = """
import asyncio, threading, time
began = threading.Event()
def busy():
    began.set()
    time.sleep(100)
async def main():
    asyncio.get_running_loop().run_in_executor(None, busy)
    asyncio.create_task(asyncio.to_thread(busy))
    began.wait()
    return "ready"
"""
    answer = service.execute(script)
    assert (answer.outcome, answer.body.get("result")) == ("ok", "ready"), answer
    answer = service.execute(script.replace("return", "1 / 0; return"))
    assert answer.outcome == "exception" and "ZeroDivisionError" in answer.body["error"]


def test_tasks_are_cancelled_and_generators_closed(service):
    script = """
import asyncio
async def waits():
    try: await asyncio.sleep(100)
    finally: print("task ended")
async def numbers():
    try:
        yield 1
        yield 2
    finally:
        print("generator closed")
kept = []
async def main():
    kept.append(asyncio.create_task(waits()))
    kept.append(numbers())
    await asyncio.sleep(0)
    return await anext(kept[1])
"""
    answer = service.execute(script)
    assert (answer.body["result"], sorted(answer.body["stdout"].splitlines())) == (1, ["generator closed", "task ended"])


def test_members_of_a_group_of_exceptions_are_shown(service):
    script = """
import asyncio
async def fails(name):
    raise ValueError("no " + name)
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails("alpha"))
        group.create_task(fails("beta"))
"""
    error = service.execute(script).body["error"]
    assert all(words in error for words in ("ExceptionGroup", "no alpha", "no beta", "line 4, in fails")) and "pyexec" not in error


@pytest.mark.parametrize("body", [
    "asyncio.run(three())", "asyncio.get_event_loop().run_until_complete(three())", "asyncio.Runner().run(three())"])
def test_a_plain_main_makes_a_loop_of_its_own(service, body):
    script = f"import asyncio\nasync def three():\n    await asyncio.sleep(0)\n    return 3\ndef main():\n    return {body}"
    assert service.execute(script).body["result"] == 3
