"""A session of a service, as its client uses it."""

import json


class Session:
    def __init__(self, service, headers=None, **setup):
        self.service, self.headers = service, headers or {}
        self.opened = self.send("POST", "/sessions", setup)
        assert self.opened.status == 201, self.opened
        self.id = self.opened.body["session"]
        self.path = f"/sessions/{self.id}"

    def send(self, method, path, body=None, raw=None, **headers):
        data = raw if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self.service.request(method, path, data, {**kind, **self.headers, **headers})

    def execute(self, **request):
        return self.send("POST", f"{self.path}/execute", request)

    def cell(self, code, **request):
        return self.execute(code=code, **request)

    def result(self, code, **request):
        """Of a cell that has to succeed."""
        answer = self.cell(code, **request)
        assert answer.status == 200, answer
        return answer.body["result"]

    def put(self, name, data):
        return self.send("PUT", f"{self.path}/files/{name}", raw=data)

    def get(self, name):
        return self.send("GET", f"{self.path}/files/{name}")

    def show(self):
        return self.send("GET", self.path)

    def delete(self):
        return self.send("DELETE", self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.service.process.poll() is None:
            self.delete()
