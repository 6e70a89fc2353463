"""A template of a service, as its client uses it."""

import json


def send(service, method, path, body=None, **headers):
    kind = {} if body is None else {"Content-Type": "application/json"}
    return service.request(method, path, None if body is None else json.dumps(body), {**kind, **headers})


def metric(service, name):
    """Of one row of /metrics, named with its labels."""
    for row in service.request("GET", "/metrics").raw.decode().splitlines():
        if row.startswith(name + " "):
            return float(row.split()[-1])
    raise KeyError(name)


class Template:
    """Deleted at the end of a `with`."""

    def __init__(self, service, code, headers=None, **setup):
        self.service, self.headers = service, headers or {}
        self.made = send(service, "PUT", "/templates", {"code": code, **setup}, **self.headers)
        assert self.made.status in (200, 201), self.made
        self.name = self.made.body["template"]

    def execute(self, **request):
        return send(self.service, "POST", "/execute", {"template": self.name, **request}, **self.headers)

    def code(self, code, **request):
        return self.execute(code=code, **request)

    def result(self, code, **request):
        """Of a job that has to succeed."""
        answer = self.code(code, **request)
        assert answer.status == 200, answer
        return answer.body["result"]

    def call(self, name, *args, **request):
        answer = self.execute(call=name, args=list(args), **request)
        assert answer.status == 200, answer
        return answer.body["result"]

    def shown(self):
        listed = send(self.service, "GET", "/templates", **self.headers).body["templates"]
        return next((one for one in listed if one["template"] == self.name), None)

    def ended_jails(self, reason):
        return metric(self.service, f'pyexec_template_jails_ended_total{{reason="{reason}"}}')

    def delete(self):
        return send(self.service, "DELETE", f"/templates/{self.name}", **self.headers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.service.process.poll() is None:
            self.delete()
