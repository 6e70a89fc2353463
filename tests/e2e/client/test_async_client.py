"""AsyncClient: the same methods as coroutines."""

import asyncio
import inspect

import pyexec
import pytest

SLEEP = "import time\ndef main():\n    time.sleep(600)"
TWINS = [
    (pyexec.Client, pyexec.AsyncClient), (pyexec.Session, pyexec.AsyncSession), (pyexec.Template, pyexec.AsyncTemplate),
    (pyexec.Job, pyexec.AsyncJob), (pyexec.Stream, pyexec.AsyncStream),
]


def public(one):
    return {name for name in dir(one) if not name.startswith("_")}


@pytest.mark.parametrize("one, other", TWINS, ids=lambda one: one.__name__)
def test_both_classes_have_the_same_methods_and_signatures(one, other):
    methods = {name for name in public(one) if inspect.isfunction(getattr(one, name))}
    assert methods == {name for name in public(other) if inspect.isfunction(getattr(other, name))}
    for name in methods:
        expected = inspect.signature(getattr(one, name)).parameters
        assert inspect.signature(getattr(other, name)).parameters == expected, name
    expected = dict(inspect.signature(one).parameters)
    if one is pyexec.Client:
        assert inspect.signature(other).parameters.keys() == expected.keys() | {"workers"}


def run(work, service, **options):
    async def inner():
        async with pyexec.AsyncClient(f"http://{service.host}:{service.port}", **options) as client:
            return await work(client)

    return asyncio.run(inner())


def test_many_jobs_run_at_once(service):
    async def work(client):
        answers = await asyncio.gather(*(client.run("def main(n): return n * n", n) for n in range(20)))
        return [one.result for one in answers]

    assert run(work, service) == [n * n for n in range(20)]


def test_errors_are_raised_where_they_are_awaited(service):
    async def work(client):
        with pytest.raises(pyexec.ScriptError, match="ZeroDivisionError"):
            await client.code("1 / 0")
        with pytest.raises(TypeError):
            await client.run(lambda: 1)
        return (await client.health())["status"]

    assert run(work, service) == "healthy"


def test_a_job_that_is_cancelled_is_killed(patient):
    async def work(client):
        task = asyncio.create_task(client.run(SLEEP))
        await until_running(client)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await client.run("def main(): return 'the client goes on'")).result

    assert run(work, patient)
    patient.wait_idle()


async def until_running(client):
    while (await client.health())["pool"]["running"] == 0:
        await asyncio.sleep(0)


def test_a_time_limit_of_the_callers_kills_the_job(patient):
    async def work(client):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.run(SLEEP), 0.3)

    run(work, patient)
    patient.wait_idle()


def test_tools_may_be_coroutines_of_the_callers_loop(service):
    async def work(client):
        loop, both, met = asyncio.get_running_loop(), [], asyncio.Event()

        async def meet(n):
            assert asyncio.get_running_loop() is loop
            both.append(n)
            if len(both) == 2:
                met.set()
            await met.wait()
            return n

        script = "import asyncio\nasync def main(): return await asyncio.gather(meet(1), meet(2))"
        answer = await client.run(script, tools={"meet": meet}, tools_style="async")
        plain = await client.run("def main(): return double(2)", tools={"double": lambda n: 2 * n})
        return answer.result, plain.result

    assert run(work, service) == ([1, 2], 4)


def test_a_stream_is_iterated_over(service):
    async def work(client):
        async with client.stream("def main():\n    print(ask())\n    return 1", tools={"ask": ask}) as stream:
            names = [event.name async for event in stream]
            return names, (await stream.answer()).result

    async def ask():
        return "asked"

    names, result = run(work, service)
    assert names[0] == "call" and "stdout" in names and names[-1] == "end" and result == 1


def test_a_stream_that_is_left_kills_its_job(patient):
    async def work(client):
        async with client.stream("def main():\n    print('1\\n', end='')\n    while True: pass") as stream:
            async for event in stream:
                return event.text

    assert run(work, patient) == "1\n"
    patient.wait_idle()


def test_a_stream_that_is_cancelled_kills_its_job(patient):
    async def work(client):
        stream = client.stream(SLEEP)
        task = asyncio.create_task(stream.answer())
        await until_running(client)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(work, patient)
    patient.wait_idle()


def test_map_takes_items_of_both_kinds(service):
    async def items():
        for n in range(5):
            await asyncio.sleep(0)
            yield n

    async def work(client):
        one = [answer.result async for answer in client.map("def main(n): return n + 1", items())]
        other = [answer.result async for answer in client.map("def main(n): return n + 1", range(5))]
        return one, other

    assert run(work, service) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])


def test_a_map_that_is_cancelled_kills_its_jobs(patient):
    async def work(client):
        async def all_of_it():
            async for _ in client.map("import time\ndef main(n): time.sleep(600)", range(3)):
                pass

        task = asyncio.create_task(all_of_it())
        await until_running(client)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await client.code("1")).result

    assert run(work, patient) == 1
    patient.wait_idle()


def test_sessions_and_templates_are_opened_and_closed(service):
    async def work(client):
        async with client.session("x = 1") as session:
            assert (await session.code("x + 1")).result == 2
            await session.put("a", b"text")
            assert await session.get("a") == b"text" and session.head == 1
            async with session.stream(code="print(x)") as stream:
                assert (await stream.answer()).stdout == "1\n"
        with pytest.raises(pyexec.Gone):
            await session.code("x")
        again = await client.session()
        await again.close()
        template = await client.template("y = 5")
        assert (await template.code("y")).result == 5
        assert [one.result async for one in template.map("def main(n): return y + n", [1])] == [6]
        async with client.session(template=template) as session:
            assert (await session.code("y")).result == 5
        await template.delete()

    run(work, service)
