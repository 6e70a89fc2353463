"""The playground: jobs, their input, their output, and stopping them."""

import json

import pytest

from browser import Keys

ENDLESS = "def main():\n    print('begun', flush=True)\n    while True: pass"


def is_running(page):
    return page.service.health()["pool"]["running"]


# Running

def test_it_begins_with_an_example_and_runs_nothing(page):
    assert "def main" in page.code
    assert (page.runs, page.status) == (0, "")
    level = page.service.health()["isolation"]["level"]
    page.wait("document.getElementById('service').textContent.includes(arguments[0])", f"isolation level {level}")


def test_a_script_runs(page):
    assert page.run("import sys\ndef main():\n    print('é <b>☃</b>')\n    print('aside', file=sys.stderr)\n    return {'a': [1, None, 2**70]}").startswith("Done in ")
    assert page.printed == "é <b>☃</b>\naside\n"
    assert page.text(".stderr") == "aside\n"
    assert page.result == f'{{"a": [1, null, {2**70}]}}'
    assert page.text(".badge") == "ok"
    assert all(word in page.text(".run .facts") for word in (" CPU", " memory", " ms"))


def test_a_cell_runs(page):
    page.run("print('a')\n{1, 2}", "code")
    assert (page.printed, page.result) == ("a\n", "{1, 2}")
    page.run("x = 1", "code")
    assert (page.printed, page.result) == ("", "")


def test_numbers_keep_how_they_were_written(page):
    page.fill("#args", "[1.0, 12345678901234567890, 1e3]")
    page.run("def main(*a): return [*a, [type(one).__name__ for one in a], 1e300, 0.1]", "script")
    assert page.result == '[1.0, 12345678901234567890, 1000.0, ["float", "int", "float"], 1e+300, 0.1]'
    page.run("def main(*a): return [{'price': 300.0}]")
    assert page.text("td.number") == "300.0"


def test_large_and_deep_results_are_cut(page):
    page.js("document.getElementById('args').value = ''")
    deep = "def main():\n    value = 'x' * 7_000_000\n    for _ in range(90): value = [value]\n    return value"
    for script in (deep, "def main(): return [0] * 2_000_000", "def main(): return {'k' * 100_000 + str(n): n for n in range(40)}"):
        page.run(script, "script")
        assert page.text(".badge") == "ok"
        assert len(page.result) < 300_000 and "more" in page.result[-40:]
    page.run("def main(): return [{'a': 'x' * 3_000_000}]")
    assert len(page.text("td")) < 3000


def test_only_the_newest_run_is_shown(page):
    page.run("def main(): return 1", "script")
    page.run("def main(): return 2")
    assert page.result == "2"
    assert len(page.all(".run")) == 1


def test_rows_are_a_table(page):
    page.run("def main(): return [{'name': '<i>tea</i>', 'n': n} for n in range(300)]")
    assert page.text(".table th") == "name\nn"
    assert page.text(".table td").startswith("<i>tea</i>\n0\n")
    assert "200 of 300 rows" in page.text(".table .hint")


def test_arguments(page):
    code = "def main(*a, **k): return [a, k]"
    for written, result in (("", '[[], {}]'), ("[1, \"x\"]", '[[1, "x"], {}]'), ('{"n": 2}', '[[], {"n": 2}]')):
        page.fill("#args", written)
        page.run(code)
        assert page.result == result


@pytest.mark.parametrize("written", ["[1,", "7", '"text"', "null"])
def test_arguments_that_cannot_be_read_are_refused_beside_the_field(page, written):
    page.fill("#args", written)
    page.run("def main(): return 1")
    assert page.text("#args-problem")
    assert page.js("return document.activeElement.id") == "args"
    assert page.all(".run") == []
    page.fill("#args", "")
    assert page.text("#args-problem") == ""


def test_options(page):
    page.click("summary")
    page.fill("#stdin", "typed")
    page.fill("#memory", "300")
    page.run("import sys, resource\ndef main(): return [sys.stdin.read(), resource.getrlimit(resource.RLIMIT_AS)[0] >> 20]")
    text, memory = json.loads(page.result)
    assert text == "typed" and memory < 1024
    page.fill("#timeout", "1.5")
    assert "time_limit" in page.run(ENDLESS) + page.text(".badge")


# Files

def test_files_are_chosen_and_returned(page, tmp_path):
    (tmp_path / "a.txt").write_text("é")
    (tmp_path / "b.bin").write_bytes(bytes(range(256)))
    page.find("#files").send_keys(f"{tmp_path / 'a.txt'}\n{tmp_path / 'b.bin'}")
    page.wait("document.querySelectorAll('#file-list li').length === 2")
    page.click("summary")
    page.fill("#return-files", "*.out, x/**")
    page.run("import os\ndef main():\n    os.mkdir('x')\n    open('x/<b>.out', 'w').write('returned')\n"
             "    return [open('a.txt').read(), len(open('b.bin', 'rb').read())]")
    assert page.result == '["é", 256]'
    assert page.text(".returned a") == "x/<b>.out"
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.click(".returned a")
    page.service.wait_until(lambda: [file.read_text() for file in tmp_path.glob("*.out")] == ["returned"])
    page.fill("#return-files", "*.svg")
    page.run("def main(): open('a.svg', 'w').write('<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>')")
    page.wait("document.querySelector('.returned img')?.naturalWidth === 9")
    assert page.js("return document.querySelector('.returned img').src").startswith("data:image/svg+xml,")


def test_files_are_dropped_and_removed(page):
    page.js("""const carried = new DataTransfer();
               for (const name of ['one.txt', 'two.txt']) carried.items.add(new File(['dropped'], name));
               for (const kind of ['dragenter', 'dragover', 'drop'])
                 document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));""")
    assert page.js("return document.getElementById('dropping').hidden")
    assert page.text("#file-list span") == "one.txt\ntwo.txt"
    page.click("[aria-label='Remove one.txt']")
    page.run("import os\ndef main(): return [os.listdir(), open('two.txt').read()]")
    assert page.result == '[["two.txt"], "dropped"]'


def test_files_of_an_example_leave_with_it(page, tmp_path):
    (tmp_path / "own.txt").write_text("own")
    page.find("#files").send_keys(str(tmp_path / "own.txt"))
    page.choose("04_files")
    assert page.text("#file-list span") == "own.txt\nsales.csv"
    page.run()
    assert page.text(".returned a") == "sales.csv\ntaxed.csv"
    page.choose("01_hello")
    assert page.text("#file-list span") == "own.txt"


# While it runs

def test_output_comes_before_the_end_and_stop_kills_the_job(page):
    before = page.start(ENDLESS)
    page.wait("document.querySelector('pre.printed')?.textContent === 'begun\\n'")
    assert page.status == "Running" and is_running(page) == 1
    page.click("#stop")
    assert page.ended(before) == "Stopped"
    assert page.text(".badge") == "stopped"
    page.service.wait_idle()
    assert page.run("def main(): return 1").startswith("Done")


def test_run_does_nothing_while_something_runs_and_stop_nothing_while_nothing_does(page):
    page.click("#stop")
    before = page.start(ENDLESS)
    page.wait("document.querySelector('pre.printed')?.textContent")
    page.click("#run")
    page.find(".CodeMirror [contenteditable]").send_keys(Keys.CONTROL, Keys.ENTER)
    assert is_running(page) == 1
    page.click("#stop")
    page.ended(before)
    page.service.wait_idle()


def test_leaving_the_page_kills_the_job(page):
    page.start(ENDLESS)
    page.wait("document.querySelector('pre.printed')?.textContent")
    page.driver.get("about:blank")
    page.service.wait_idle()


def test_a_flood_does_not_freeze_the_page(page):
    page.js("""let last = performance.now();
               window.longest = 0;
               window.began = last;
               setInterval(() => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; }, 10);""")
    page.run("def main():\n    for n in range(200_000): print(n, 'x' * 100)\n    print('y' * 400_000)")
    longest, took = page.js("return [window.longest, performance.now() - window.began]")
    assert longest < min(max(1500, took / 2), 4000)
    assert page.js("return document.querySelector('pre.printed').textContent.length") < 300_000
    assert "characters before these are not shown" in page.text(".run .hint")
    assert "cut at its limit" in page.text(".run .facts")


# What goes wrong

def test_an_error_has_its_traceback(page):
    assert page.run("def main():\n    print('before')\n    return 1 / 0").startswith("Raised an exception, after ")
    assert "line 3, in main" in page.text("pre.error") and "ZeroDivisionError" in page.text("pre.error")
    assert page.printed == "before\n"
    assert page.text(".badge") == "exception"


@pytest.mark.parametrize(("code", "args", "outcome"), [
    ("def main(:", "", "invalid_script"), ("def main(a): pass", "[1, 2]", "invalid_arguments"), ("def main(): return object()", "", "not_serializable"),
    ("import os\ndef main(): os.abort()", "", "killed"), ("raise SystemExit(3)\ndef main(): pass", "", "exited"), ("", "", "invalid_script"),
])
def test_every_failure_says_what_it_was(page, code, args, outcome):
    page.fill("#args", args)
    page.run(code, "script")
    assert page.text(".badge") == outcome
    assert page.text("pre.error")


def test_a_service_that_is_gone_is_told(open_page, start):
    service = start(pool=1)
    page = open_page(service)
    service.stop()
    assert page.run("def main(): pass").startswith("Failed: no answer")
    assert "no whole answer" in page.text("pre.error")
    page.driver.get_log("browser")  # the refused connection


# What a job shows

def test_a_plot_is_a_picture(page):
    page.run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()", "code")
    page.wait("document.querySelector('img.picture')?.naturalWidth > 100")
    assert page.js("return document.querySelector('img.picture').src").startswith("data:image/png;base64,")


def test_displays_that_were_left_out_are_told(page):
    page.run("for n in range(500): display(n)", "code")
    assert "More was shown" in page.text(".run .hint")


def test_a_table_is_in_a_frame_without_scripts(page):
    page.run("import pandas as pd\npd.DataFrame({'a': [1], 'b': ['<b>x</b>']})", "code")
    frame = page.find("iframe")
    assert (frame.get_attribute("sandbox"), page.js("return arguments[0].sandbox.length", frame)) == ("", 0)
    page.driver.switch_to.frame(frame)
    page.wait("document.querySelector('td')")
    assert "<b>x</b>" in page.text("td")
    assert page.js("return getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"
    page.driver.switch_to.default_content()
    assert page.text("details summary").endswith("The result as data")


def test_markup_of_a_job_can_do_nothing(page):
    evil = "<script>parent.document.title='taken'</script><img src=x onerror=\"parent.document.title='taken'\"><img src='http://127.0.0.1:9/beacon'>" \
           "<a href='http://127.0.0.1:9/' id=a>a</a><a href='javascript:parent.document.title=1'>b</a><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='><form action='http://127.0.0.1:9/'><button id=b>b</button></form>" \
           "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'><base href='http://127.0.0.1:9/'><style>body{background:url(http://127.0.0.1:9/)}</style>" \
           "<link rel=stylesheet href='http://127.0.0.1:9/'><iframe src='http://127.0.0.1:9/'></iframe><svg onload='parent.document.title=1'><script>1</script></svg><p style='x:y'>shown"
    page.run(f"class Evil:\n    def _repr_html_(self): return {evil!r}\nclass Svg:\n    def _repr_svg_(self): return "
             "\"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='document.title=1'><script>document.title=1</script></svg>\"\n"
             "display(Evil(), Svg())\nprint('<img src=x onerror=\"document.title=1\">')\n{'<img src=x onerror=1>': 1}", "code")
    title = page.driver.title
    page.driver.switch_to.frame(page.find("iframe"))
    page.wait("document.querySelector('p')")
    assert page.text("p") == "shown"
    page.click("#a")
    assert page.text("p") == "shown"
    page.driver.switch_to.default_content()
    assert page.js("return [...document.querySelectorAll('.run img')].map((one) => one.src.slice(0, 19))") == ["data:image/svg+xml,"]
    assert page.driver.title == title == "pyexec playground"
    assert not any(":9/" in url for url in page.requested())


# Sessions

def test_a_session_keeps_state_and_goes_back(page):
    page.run("x = 1", "session")
    page.run("x += 41\nx")
    assert page.result == "42"
    page.click("#undo")
    assert page.text("#session-state") == "The next cell goes on from cell 1."
    assert [one.get_attribute("class") for one in page.all(".run")] == ["run", "run undone"]
    page.run("x")
    assert page.result == "1"
    page.click("[aria-label='Go back here, cell 2']")
    page.run("x")
    assert page.result == "42"
    for _ in range(3):
        page.click("#undo")
    assert page.text("#session-state") == "The next cell begins anew."
    assert page.run("x").startswith("Raised")
    assert "NameError" in page.text(".run:last-child pre.error")
    page.click("[aria-label='Edit, cell 2']")
    assert page.code == "x += 41\nx"
    page.click("#session-end")
    page.service.wait_until(lambda: page.service.request("GET", "/sessions").body["sessions"] == [])
    page.run("'x' in globals()")
    assert page.result == "False" and len(page.all(".run")) == 1
    page.driver.get("about:blank")
    page.service.wait_until(lambda: page.service.request("GET", "/sessions").body["sessions"] == [])


def test_a_cell_that_is_stopped_costs_itself_alone(page):
    page.run("x = 1", "session")
    before = page.start("x = 2\nprint('begun')\nwhile True: pass")
    page.wait("document.querySelector('.run:last-child pre.printed')?.textContent")
    page.click("#stop")
    assert page.ended(before) == "Stopped"
    page.run("x")
    assert page.result == "1"
    page.click("#session-end")


def test_a_cell_that_is_out_of_time_leaves_the_session_where_it_was(page):
    for code in ("x = 1", "x = 2"):
        page.run(code, "session")
    page.click("#undo")
    page.click("summary")
    page.fill("#timeout", "0.5")
    page.run("while True: pass")
    assert page.text(".run:last-child .badge") == "time_limit"
    assert page.text("#session-state") == "The next cell goes on from cell 1."
    page.fill("#timeout", "")
    page.run("x")
    assert page.result == "1"
    page.click("#session-end")


def test_a_session_that_is_gone_is_told_and_the_next_cell_opens_another(page):
    page.run("x = 1", "session")
    (session,) = page.service.request("GET", "/sessions").body["sessions"]
    page.service.request("DELETE", f"/sessions/{session['session']}")
    assert page.run("x") == "Failed: gone"
    page.run("6 * 7")
    assert page.result == "42"
    page.click("#session-end")


def test_files_of_a_session_are_sent_once(page, tmp_path):
    (tmp_path / "a.txt").write_text("first")
    page.find("#files").send_keys(str(tmp_path / "a.txt"))
    page.run("open('a.txt').read()", "session")
    assert page.result == "'first'"
    page.run("open('a.txt', 'w').write('changed');")
    page.run("open('a.txt').read()")
    assert page.result == "'changed'"
    page.click("#session-end")


def test_the_modes_do_not_lose_what_the_others_show(page):
    page.run("x = 7", "session")
    page.run("def main(): return 1", "script")
    page.run("x", "session")
    assert page.result.endswith("7") and len(page.all("#cells .run")) == 2
    page.click("#session-end")


def test_time_is_shown_while_it_runs(page):
    before = page.start(ENDLESS)
    page.wait("/^\\d+ ms$|^\\d\\.\\d+ s$/.test(document.getElementById('clock').textContent)")
    page.click("#stop")
    page.ended(before)
    assert page.text("#clock") == ""
