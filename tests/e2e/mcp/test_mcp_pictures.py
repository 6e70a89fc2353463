"""What a model sees of the pictures that its code makes."""

import base64

import pytest

from mcp import Client, images, texts
from mcp_service import client, new, service, session, FIGURE, RETURN_FILES  # noqa: F401: fixtures


def test_open_figures_come_back(client):
    result = client.run(FIGURE + "plt.figure()\nplt.plot([3])\nprint('drawn')\nNone")
    assert (texts(result), len(images(result))) == (["drawn\n"], 2)
    for image in images(result):
        assert image["mimeType"] == "image/png" and base64.b64decode(image["data"])[:4] == b"\x89PNG"
    assert images(result)[0]["data"] != images(result)[1]["data"]


def test_saved_pictures_come_back_and_no_other_files(new):
    names = ["b.png", "a.jpg", "c.jpeg", "d.gif", "e.webp", "f.txt", "g.svg", "h.png.txt"]
    result = new.run(f"import os\nfor name in {names}: open(name, 'w').write(name)\nos.mkdir('deep'); open('deep/i.png', 'w').write('')")
    shown = [(image["mimeType"], base64.b64decode(image["data"]).decode()) for image in images(result)]
    assert shown == [("image/jpeg", "a.jpg"), ("image/png", "b.png"), ("image/jpeg", "c.jpeg"), ("image/gif", "d.gif"), ("image/webp", "e.webp")]


def test_pictures_of_code_that_fails_come_back(new):
    result = new.run(FIGURE + "1 / 0")
    assert (result["isError"], [item["type"] for item in result["content"]]) == (True, ["text", "image"])


def test_a_figure_that_was_closed_does_not_come_back(new):
    assert images(new.run(FIGURE + "plt.close('all')")) == []
    assert len(images(new.run(FIGURE + "None"))) == 1


def test_an_image_that_was_sent_does_not_come_back(new):
    sent = {"sent.png": "x", "changed.png": "y"}
    assert images(new.run("open('sent.png').read()", files=sent)) == []
    (image,) = images(new.run("open('changed.png', 'a').write('z')", files=sent))
    assert base64.b64decode(image["data"]) == b"yz"


def test_too_many_pictures_are_an_error_and_the_rest_is_told(new):
    write = "for n in range({}): open(f'{{n}}.png', 'w').write('x')\nprint('written')"
    most, more = new.run(write.format(RETURN_FILES)), new.run(write.format(RETURN_FILES + 1))
    assert (most["isError"], len(images(most))) == (False, RETURN_FILES)
    assert (more["isError"], more["structuredContent"]["outcome"], texts(more)[0], images(more)) == (True, "output_limit", "written\n", [])


def test_in_a_session_only_new_pictures_come_back(new, session):
    assert len(images(new.run("open('a.png', 'w').write('1')", session=session))) == 1
    assert images(new.run("open('a.png').read()", session=session)) == []
    assert [base64.b64decode(i["data"]) for i in images(new.run("open('b.png', 'w').write('2')", session=session))] == [b"2"]
    assert [base64.b64decode(i["data"]) for i in images(new.run("open('a.png', 'w').write('3')", session=session))] == [b"3"]
    assert len(images(new.run(FIGURE + "None", session=session))) == 1
    assert images(new.run("plt.get_fignums()", session=session)) == []


SHOWN = {
    "a figure at plt.show()": (FIGURE + "plt.show()\nplt.plot([2])\nplt.show()", 2, []),
    "what display() is called with": (FIGURE + "display(plt.gcf())\nplt.close()\ndisplay(5)\nNone", 1, ["5"]),
    "an object with a picture": ("class A:\n    def _repr_png_(self): return b'\\x89PNG'\n    def __repr__(self): return 'a'\nA()", 1, ["a"]),
    "an object with HTML alone": ("class A:\n    def _repr_html_(self): return '<b>a</b>'\n    def __repr__(self): return 'a'\nA()", 0, ["a"]),
}


@pytest.mark.parametrize("what", SHOWN)
def test_what_is_shown_comes_back(client, what):
    code, count, said = SHOWN[what]
    result = client.run(code)
    assert (len(images(result)), texts(result)) == (count, said)


def test_what_is_left_out_is_said(start):
    client = Client(start(pool=1, displays=2))
    result = client.run("import matplotlib.pyplot as plt\nfor n in range(3): plt.figure()\nNone")
    assert (len(images(result)), result["isError"]) == (2, False)
    (said,) = texts(result)
    assert "left out" in said and "PYEXEC_DISPLAYS" in said
    assert texts(client.run("import matplotlib.pyplot as plt\nfor n in range(2): plt.figure()\nNone")) == []
