"""What a job shows beside its result: plots, tables, and whatever has a picture or HTML of itself, each as a bundle: the
same thing in one or several media types.

Shown are: what `display(...)` is called with, the figures that `plt.show()` finds open, the value of the job if there is
more to see of it than its text, and the figures that are open at the end. A figure is shown once, and closed then.
"""

import builtins
import importlib.util
import io
import sys

# The server takes these, and no others (server/job/displays.cc).
_METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("text/latex", "_repr_latex_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
)
_MEDIA_TYPES = ("text/plain", "image/gif", "image/webp", *(media_type for media_type, _ in _METHODS))
_MOST_TEXT = 1 << 16  # characters of a repr
TRUNCATED = "truncated"  # an entry of the report: something was left out


class _Shown:
    def __init__(self, most=0, most_bytes=0):
        self.most, self.most_bytes = most, most_bytes
        self.entries = []  # (number and media type, bytes)
        self.count = self.bytes = 0
        self.is_truncated = False

    @property
    def is_full(self):
        return self.count >= self.most

    def add(self, bundle):
        """bundle: media type to text or bytes. One that does not fit is left out whole."""
        data = {media_type: _bytes_of(value) for media_type, value in bundle.items()}
        size = sum(map(len, data.values()))
        if self.is_full or self.bytes + size > self.most_bytes:
            self.is_truncated = True
            return
        self.entries += [(f"{self.count} {media_type}", value) for media_type, value in data.items()]
        self.count += 1
        self.bytes += size


_shown = _Shown()


def begin(most, most_bytes):
    """Before each job. most: displays, 0 where none are wanted."""
    global _shown
    was_used = _shown.most > 0
    if most == 0 and not was_used:
        return  # most jobs: nothing is written, and so no page is copied
    _shown = _Shown(most, most_bytes)
    if most == 0 or was_used:
        return
    builtins.display = display
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is not None:
        _take_over(plots)
    else:
        sys.meta_path.insert(0, _Finder())


def display(*values):
    """Shows each value: as a picture or HTML if it has such a form, and as text. Returns None."""
    for value in values:
        bundle = _bundle_of(value)
        if bundle is None:
            continue
        if "image/png" not in bundle and "text/plain" not in bundle:
            bundle["text/plain"] = _text_of(value)
        _shown.add(bundle)


def show_value(value):
    """What the job has come to. Its text is told otherwise."""
    bundle = _bundle_of(value)
    if bundle:
        _shown.add(bundle)


def finish():
    """Returns the entries of the report: of each display its number and a media type, and the data."""
    plots = sys.modules.get("matplotlib.pyplot")
    if plots is not None and _shown.most > 0:
        _show_open(plots)
    return [*_shown.entries, (TRUNCATED, b"")] if _shown.is_truncated else _shown.entries


def _bytes_of(value):
    return value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)


def _text_of(value):
    text = repr(value)
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "..."


def _bundle_of(value):
    """{} if it is nothing but text, None if it was shown already. What its methods raise is theirs to raise elsewhere."""
    if isinstance(value, type):
        return {}
    if _is_figure(value):
        return _of_figure(value)
    bundle = {}
    try:
        told = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else None
        told = told[0] if isinstance(told, tuple) else told
        bundle.update((name, data) for name, data in (told or {}).items() if _is_data(name, data))
    except Exception:
        bundle.clear()
    for media_type, method in _METHODS:
        try:
            data = getattr(value, method)() if media_type not in bundle and hasattr(value, method) else None
        except Exception:
            continue
        data = data[0] if isinstance(data, tuple) and data else data
        if _is_data(media_type, data):
            bundle[media_type] = data
    return bundle


def _is_data(media_type, data):
    return media_type in _MEDIA_TYPES and isinstance(data, (str, bytes))


# Figures of matplotlib


def _is_figure(value):
    kind = getattr(sys.modules.get("matplotlib.figure"), "Figure", None)
    return isinstance(kind, type) and isinstance(value, kind)


def _of_figure(figure):
    if getattr(figure, "_pyexec_shown", None) is _shown:
        return None
    if _shown.is_full:
        return {"image/png": b""}  # counts as left out, and is not drawn
    file = io.BytesIO()
    try:
        figure.savefig(file, format="png", bbox_inches="tight")
    except Exception:
        _shown.is_truncated = True
        return None
    figure._pyexec_shown = _shown
    return {"image/png": file.getvalue()}


def _show_open(plots):
    for number in plots.get_fignums():
        bundle = _of_figure(plots.figure(number))
        if bundle is not None:
            _shown.add(bundle)
    plots.close("all")


def _take_over(plots):
    """`show` has no window to open here."""

    def show(*args, **kwargs):
        """Shows all open figures, and closes them."""
        if _shown.most > 0:
            _show_open(plots)

    def show_one(figure, warn=True):
        if _shown.most > 0:
            display(figure)

    plots.show = show
    plots.Figure.show = show_one


class _Finder:
    """Sees when pyplot is imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "matplotlib.pyplot":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_take_over(module):
                load(module)
                _take_over(module)

            spec.loader.exec_module = load_and_take_over
        return spec
