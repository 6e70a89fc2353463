"""Readies matplotlib for scripts without importing it: a warm interpreter that holds it takes a seventh to a half longer
to fork, for every job. What a script's own import would spend most time on beside loading code, the list of fonts, is
made here by a child, or has been when the container image was built, and lies where matplotlib looks for it once a
script imports matplotlib.

The fonts are those that come with matplotlib, and one for Chinese, Japanese and Korean, which those have no characters
for: a jail has no others. What the first font of a text lacks is taken from that one.
"""

import dataclasses
import json
import os
import sys
import tempfile

DATA = "/usr/share/matplotlib/mpl-data"  # Debian's
EAST_ASIAN = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
EAST_ASIAN_NAME = "WenQuanYi Micro Hei"
# Fonts for these languages that scripts name, because their authors' machines have them.
STANDS_FOR = (
    "SimHei", "SimSun", "Microsoft YaHei", "KaiTi", "FangSong", "PingFang SC", "Heiti SC", "STHeiti", "Heiti TC",
    "Arial Unicode MS", "WenQuanYi Zen Hei", "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK JP", "Noto Sans CJK KR",
    "Noto Sans SC", "Noto Sans TC", "Noto Sans JP", "Noto Sans KR", "Source Han Sans SC", "Source Han Sans CN",
    "Hiragino Sans", "Yu Gothic", "Meiryo", "MS Gothic", "IPAexGothic", "IPAGothic", "TakaoGothic", "Takao PGothic",
    "Malgun Gothic", "NanumGothic", "AppleGothic", "Gulim", "Droid Sans Fallback",
)
# In a jail that has it; not in the working directory, where it would be among the files to return.
CONFIG = "/dev/shm/matplotlib"
RC_FILE = f"font.family: sans-serif, {EAST_ASIAN_NAME}\n"
# What this file prints if it is run. Of another matplotlib's list the name is another, and it is not looked at.
PREPARED = "/usr/share/pyexec/fonts.json"
ENVIRONMENT = {
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": CONFIG,
    "MATPLOTLIBRC": DATA,  # otherwise Debian's looks in /etc, which a jail has not
}


class FontList:
    """Made by a child, so that nothing of matplotlib stays here; begun early, as it takes a second on a cold disk."""

    def __init__(self):
        self._child = None
        try:
            self._pipe = os.open(PREPARED, os.O_RDONLY)
        except FileNotFoundError:
            self._make()

    def _make(self):
        read_end, write_end = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                with open(write_end, "w") as pipe:
                    json.dump(_font_list(), pipe)
            finally:
                os._exit(0)
        os.close(write_end)
        self._pipe = read_end

    def install(self):
        """Waits for the child. Does nothing where there is no matplotlib."""
        with open(self._pipe) as pipe:
            text = pipe.read()
        if self._child is not None:
            os.waitpid(self._child, 0)
        if text:
            os.environ.update(ENVIRONMENT)
            sys.meta_path.insert(0, _Finder(*json.loads(text)))


class _Finder:
    """Finds nothing, but sees when matplotlib is about to be imported."""

    def __init__(self, name, text):
        self.name, self.text = name, text

    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib":
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            self.write()
        return None

    def write(self):
        for directory in (os.environ.get("MPLCONFIGDIR", CONFIG), os.path.join(os.environ["TMPDIR"], ".matplotlib")):
            try:
                os.makedirs(directory, exist_ok=True)
                with open(os.path.join(directory, self.name), "w") as file:
                    file.write(self.text)
                if EAST_ASIAN_NAME in self.text:
                    with open(os.path.join(directory, "matplotlibrc"), "w") as file:
                        file.write(RC_FILE)
                    os.environ["MATPLOTLIBRC"] = directory
            except OSError:
                continue  # without the file matplotlib makes the list anew
            os.environ["MPLCONFIGDIR"] = directory
            return


def keep_fonts_of_jails(fonts):
    """fonts: matplotlib's FontManager. It forgets those of this machine."""
    for kind in ("ttflist", "afmlist"):
        setattr(fonts, kind, [entry for entry in getattr(fonts, kind) if entry.fname.startswith(DATA + "/")])
    if os.path.exists(EAST_ASIAN):
        fonts.addfont(EAST_ASIAN)
        font = fonts.ttflist[-1]
        fonts.ttflist += [dataclasses.replace(font, name=name) for name in STANDS_FOR]


def _font_list():
    """Name and contents of matplotlib's cache file."""
    with tempfile.TemporaryDirectory() as directory:  # it keeps its list somewhere
        os.environ.update(ENVIRONMENT, MPLCONFIGDIR=directory, PATH="")  # no fc-list, which knows fonts of this machine
        from matplotlib import font_manager

    keep_fonts_of_jails(font_manager.fontManager)
    name = f"fontlist-v{font_manager.FontManager.__version__}.json"
    return name, json.dumps(font_manager.fontManager, cls=font_manager._JSONEncoder)


if __name__ == "__main__":
    json.dump(_font_list(), sys.stdout)
