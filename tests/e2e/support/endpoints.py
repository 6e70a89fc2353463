"""A directory of scripts that are endpoints, and calls of them."""

import json
import os
import signal

JSON = {"Content-Type": "application/json"}


class Scripts:
    """NAME.py of a directory that the server's own user can read."""

    def __init__(self, path, **scripts):
        self.path = path
        path.mkdir(exist_ok=True)
        for folder in (path, *path.parents):
            if folder.stat().st_uid == os.geteuid() and folder != folder.parent:
                folder.chmod(folder.stat().st_mode | 0o055)
        for name, text in scripts.items():
            self.write(name, text)

    def write(self, name, text):
        file = self.path / f"{name}.py"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(0o644)

    def remove(self, name):
        (self.path / f"{name}.py").unlink()

    def __fspath__(self):
        return str(self.path)

    __str__ = __fspath__


def call(service, name, arguments=None, raw=None, **headers):
    body = raw if arguments is None else json.dumps(arguments)
    return service.request("POST", f"/tools/{name}", body, {**JSON, **headers})


def result(service, name, /, **arguments):
    """Of a call that has to succeed."""
    answer = call(service, name, arguments)
    assert (answer.status, answer.outcome) == (200, "ok"), answer
    return answer.body["result"]


def listed(service, **headers):
    answer = service.request("GET", "/tools", headers=headers)
    assert answer.status == 200, answer
    assert answer.body.keys() == {"tools"}
    return {tool["name"]: tool for tool in answer.body["tools"]}


def said(service, text):
    """The messages in the log, so far, that hold the text. service: one whose log is read."""
    messages = [json.loads(line)["message"] for line in list(service.lines)[1:]]
    return [message for message in messages if text in message]


def read_again(service):
    """Makes the service read the directory again. Returns once it has."""
    before = len(said(service, "the tools "))
    service.process.send_signal(signal.SIGHUP)
    service.wait_until(lambda: len(said(service, "the tools ")) > before)
    return said(service, "the tools ")[-1]
