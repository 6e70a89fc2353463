"""Labels in Chinese, Japanese and Korean are drawn, at every level, whatever font a script names."""

import pytest

from levels import start_kind

SCRIPT = """
import hashlib, io, warnings
import matplotlib.pyplot as plt
def drawn(title):
    figure = plt.figure(figsize=(2, 1))
    figure.text(0.1, 0.5, title)
    file = io.BytesIO()
    figure.savefig(file)
    plt.close(figure)
    return hashlib.sha256(file.getvalue()).hexdigest()
def main():
    %s
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pictures = [drawn(title) for title in ("中文", "日本", "あア", "한글", "aé", "−1")]
    return [len(set(pictures)), [str(w.message) for w in caught if "missing" in str(w.message) or "not found" in str(w.message)]]
"""


@pytest.fixture(scope="module", params=["root", "root-3", "root-2", "root-1"])
def at_level(request, programs, shm):
    with start_kind(request.param, programs, shm, timeout_ms=20000) as service:
        yield service


@pytest.mark.parametrize("setup", [
    "pass", "plt.rcParams['font.sans-serif'] = ['SimHei']", "plt.rcParams['font.family'] = 'Noto Sans CJK JP'",
    "plt.rcParams['font.family'] = ['Malgun Gothic']; plt.rcParams['axes.unicode_minus'] = False", "plt.style.use('ggplot')"])
def test_labels_are_drawn(at_level, setup):
    answer = at_level.execute(SCRIPT % setup)
    assert answer.outcome == "ok" and answer.body["result"] == [6, []], answer


def test_a_font_without_the_characters_is_found_out(service):
    answer = service.execute(SCRIPT % "plt.rcParams['font.family'] = ['DejaVu Sans']")
    assert answer.body["result"][1] != []
