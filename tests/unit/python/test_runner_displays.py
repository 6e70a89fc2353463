"""What a job shows: its figures, tables, and whatever has a picture or HTML of itself."""

import os

import pytest

from conftest import EXCEPTION, INVALID_SCRIPT, NOT_SERIALIZABLE, VALUE

PNG = b"\x89PNG"
PLOT = "import matplotlib.pyplot as plt\n"
MOST = 50


@pytest.fixture(autouse=True, scope="module")
def one_list_of_fonts(tmp_path_factory):
    """Made by the first case, and not once in each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        patch.setenv("MPLBACKEND", "Agg")
        yield


def show(run, code, most=MOST, most_bytes=1 << 22, is_cell=True, dataframe=0):
    """Returns the kind, the text, and the displays: a dict of each, from media type to data, and whether more was shown."""
    options = (True, (), 0, 0, 0, (), "", is_cell, 0, 0, 0, "", False, most, most_bytes, dataframe)
    kind, text, _, _ = run(code, None, options)
    bundles, is_truncated = {}, False
    for name, data in run.displays:
        number, _, media_type = name.partition(" ")
        if media_type:
            bundles.setdefault(int(number), {})[media_type] = data
        else:
            is_truncated = name == "truncated"
    assert list(bundles) == list(range(len(bundles)))
    return kind, text, list(bundles.values()), is_truncated


def types(run, code, **options):
    return [sorted(bundle) for bundle in show(run, code, **options)[2]]


PICTURE, TABLE = ["image/png"], ["text/html"]


def test_figures_that_are_shown_and_those_left_open(run):
    kind, text, displays, _ = show(run, PLOT + "plt.plot([1])\nplt.show()\nplt.plot([1, 2])\nplt.figure()\n42")
    assert (kind, text) == (VALUE, "42") and [sorted(one) for one in displays] == [PICTURE] * 3
    assert all(one["image/png"].startswith(PNG) for one in displays)
    assert len({one["image/png"] for one in displays}) == 3


def test_closed_figures_are_gone(run):
    assert types(run, PLOT + "plt.figure(); plt.figure(); plt.close(1)\nNone") == [PICTURE]
    assert types(run, PLOT + "plt.plot([1]); plt.close('all')\nNone") == []


@pytest.mark.parametrize("shows", ["plt.show()", "plt.show(block=False)", "f.show()", "display(f)", "from matplotlib.pyplot import show; show()"])
def test_a_figure_is_shown_once(run, shows):
    assert types(run, PLOT + f"f, axes = plt.subplots()\n{shows}\nf") == [PICTURE]


def test_a_figure_as_the_value(run):
    assert types(run, PLOT + "f, axes = plt.subplots()\nf") == [PICTURE]
    assert types(run, "from matplotlib.figure import Figure\nFigure()") == [PICTURE]
    kind, text, displays, _ = show(run, PLOT + "def main():\n    f, axes = plt.subplots()\n    return f", is_cell=False)
    assert kind == NOT_SERIALIZABLE and len(displays) == 1


def test_nothing_is_shown_where_nothing_is_wanted(run, tmp_path):
    assert show(run, PLOT + "plt.plot([1])\n'display' in dir(__builtins__)", most=0) == (VALUE, "false", [], False)
    assert os.listdir(tmp_path) == []


def test_without_matplotlib_none_is_imported(run):
    assert show(run, "import sys\n'matplotlib' in sys.modules") == (VALUE, "false", [], False)


def test_tables(run):
    frame = "import pandas as pd\nf = pd.DataFrame({'a': [1]})\n"
    assert types(run, frame + "f") == [TABLE]
    assert types(run, frame + "display(f)") == [["text/html", "text/plain"]]
    assert b"<table" in show(run, frame + "f")[2][0]["text/html"]
    assert types(run, frame + "f['a']") == []
    assert types(run, frame + "def main(): return f", is_cell=False) == [TABLE]


def test_plain_values(run):
    assert types(run, "42") == [] and types(run, "'<b>'") == [] and types(run, "None") == []
    assert show(run, "display(1, 'x')")[2] == [{"text/plain": b"1"}, {"text/plain": b"'x'"}]
    assert show(run, "display('x' * 70000)")[2][0]["text/plain"].endswith(b"...")


OBJECT = "class A:\n    {}\n    def __repr__(self): return 'A!'\n"


@pytest.mark.parametrize("method, shown", [
    ("def _repr_html_(self): return '<i>'", {"text/html": b"<i>"}),
    ("def _repr_svg_(self): return '<svg>'", {"image/svg+xml": b"<svg>"}),
    ("def _repr_png_(self): return b'p'", {"image/png": b"p"}),
    ("def _repr_png_(self): return b'p', {'width': 1}", {"image/png": b"p"}),
    ("def _repr_mimebundle_(self, include=None, exclude=None): return {'text/markdown': '*', 'x/y': 'z', 'text/plain': 't'}",
     {"text/markdown": b"*", "text/plain": b"t"}),
    ("def _repr_mimebundle_(self): return ({'text/html': 'm'}, {})\n    def _repr_html_(self): return 'h'", {"text/html": b"m"}),
    ("def _repr_html_(self): return None", None),
    ("def _repr_html_(self): return 5", None),
    ("def _repr_html_(self): raise ValueError", None),
    ("_repr_html_ = None", None),
    ("def __getattr__(self, name): raise KeyError(name)", None),
])
def test_objects_with_forms_of_their_own(run, method, shown):
    kind, _, displays, is_truncated = show(run, OBJECT.format(method) + "A()")
    assert (kind, displays, is_truncated) == (VALUE, [shown] if shown else [], False)
    assert types(run, OBJECT.format(method) + "A") == []  # a class is none of its objects


def test_what_is_shown_before_a_failure(run):
    for end in ("1 / 0", "raise KeyboardInterrupt", "import sys; sys.exit(1)"):
        kind, _, displays, _ = show(run, PLOT + "display(1)\nplt.plot([1])\n" + end)
        assert kind != VALUE and [sorted(one) for one in displays] == [["text/plain"], PICTURE]
    assert show(run, "x =")[0] == INVALID_SCRIPT


def test_bounds_hold(run):
    displays, is_truncated = show(run, "for n in range(4): display(n)", most=3)[2:]
    assert (len(displays), is_truncated) == (3, True)
    assert show(run, "for n in range(3): display(n)", most=3)[2:] == ([{"text/plain": b"%d" % n} for n in range(3)], False)
    assert show(run, "display('x' * 100); display(1)", most_bytes=50)[2:] == ([{"text/plain": b"1"}], True)
    displays, is_truncated = show(run, PLOT + "plt.figure(); plt.figure(); plt.figure()\nNone", most=2)[2:]
    assert (len(displays), is_truncated) == (2, True)


@pytest.mark.parametrize("trick", [
    "plt.get_fignums = None", "plt.get_fignums = lambda: 1 / 0", "plt.get_fignums = lambda: ['../x']", "plt.figure().savefig = None",
    "sys.modules['matplotlib.pyplot'] = 5", "plt.Figure.savefig = lambda *a, **k: sys.exit()", "plt.close = lambda *a: 1 / 0",
    "import builtins; builtins.list = None", "sys.modules['matplotlib.figure'] = 5", "sys.meta_path.clear()",
])
def test_what_the_code_has_made_of_matplotlib_is_its_own_loss(run, trick):
    assert show(run, PLOT + f"import sys\nplt.figure(1)\n{trick}\n41 + 1")[:2] == (VALUE, "42")


def test_a_figure_that_cannot_be_drawn_does_not_hide_the_result(run):
    assert show(run, PLOT + "plt.title('$\\\\frac{$')\n42") == (VALUE, "42", [], True)


def test_a_method_that_ends_the_job(run):
    ends = OBJECT.format("def _repr_html_(self): raise SystemExit(3)")
    assert show(run, ends + "A()")[0] not in (VALUE, EXCEPTION)
    assert show(run, OBJECT.format("def _repr_html_(self): raise KeyboardInterrupt") + "A()")[0] == EXCEPTION


FRAME = "import pandas as pd\ndef main(): return pd.DataFrame({'a': [1, 2], 'b': ['x', None]}{index})"


@pytest.mark.parametrize("form, index, wanted", [
    (0, "", '[{"a": 1, "b": "x"}, {"a": 2, "b": null}]'),
    (1, "", '{"columns": ["a", "b"], "index": [0, 1], "data": [[1, "x"], [2, null]]}'),
    (1, ", index=['p', 'q']", '{"columns": ["a", "b"], "index": ["p", "q"], "data": [[1, "x"], [2, null]]}'),
    (2, "", '"a,b\\n1,x\\n2,\\n"'),
    (2, ", index=['p', 'q']", '",a,b\\np,1,x\\nq,2,\\n"'),
])
def test_forms_of_data_frames(run, form, index, wanted):
    script = FRAME.replace("{index}", index)
    assert show(run, script, most=0, is_cell=False, dataframe=form)[:2] == (VALUE, wanted)


def test_frames_in_other_values_and_without_columns_have_that_form_too(run):
    script = "import pandas as pd\ndef main(): return {'x': [pd.DataFrame(index=[1, 2])], 'y': pd.DataFrame([[1, 2]], columns=['a', 'a'])}"
    wanted = '{"x": [{"columns": [], "index": [1, 2], "data": [[], []]}], "y": {"columns": ["a", "a"], "index": [0], "data": [[1, 2]]}}'
    assert show(run, script, most=0, is_cell=False, dataframe=1)[:2] == (VALUE, wanted)
