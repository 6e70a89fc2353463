"""Answers of the service, held against the service's own OpenAPI document."""

import functools
import gzip
import json
import re
import threading

import jsonschema
from jsonschema import Draft202012Validator

# For these types only the status line and the header are checked.
NO_JSON = ("text/plain", "text/html", "text/css", "text/javascript", "text/x-python", "image/svg+xml", "application/octet-stream")
# Headers that a client refuses, or uses only in part, if they are there twice.
ONCE = (
    "Access-Control-Allow-Origin", "Content-Encoding", "Content-Length", "Content-Type", "Pyexec-Outcome", "Retry-After",
    "X-Request-Id",
)
JOB_PATHS = {"/execute": "Job", "/execute/continue": "Continue", "/queue/pubsub": "QueuedJob", "/queue/tasks": "QueuedJob"}


class Mismatch(AssertionError):
    pass


def parse_json(text):
    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    # Python does not parse an integer of more digits. Its value does not matter here.
    whole = lambda digits: int(digits[:4000])  # noqa: E731
    return json.loads(text, parse_constant=refuse, parse_int=whole)


@functools.lru_cache(maxsize=16)
def document_of(text):
    return Document(parse_json(text))


class Document:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)
        self.validators = {}
        self.lock = threading.Lock()

    def check_schema(self, value, schema, where):
        key = json.dumps(schema, sort_keys=True)
        if key not in self.validators:
            self.validators[key] = Draft202012Validator(schema, resolver=self.resolver)
        with self.lock:  # a resolver keeps its position
            error = jsonschema.exceptions.best_match(self.validators[key].iter_errors(value))
        if error is not None:
            raise Mismatch(f"{where}: at {error.json_path}: {error.message[:600]}")

    def component(self, kind, name):
        return {"$ref": f"#/components/{kind}/{name}"}

    def resolved(self, node):
        while "$ref" in node:
            node = self.resolver.resolve(node["$ref"])[1]
        return node

    def check_answer(self, method, target, answer):
        """answer: status, headers, raw. Raises a Mismatch that names what differs."""
        for name in ONCE:
            if len(answer.headers.get_all(name, [])) > 1:
                raise Mismatch(f"{method} {target}: {name} is there twice")
        path = re.sub(r"^https?://[^/?]*", "", target, flags=re.I).partition("?")[0]
        where = f"{method} {target} -> {answer.status}"
        item = self.item_of(path)
        if method == "OPTIONS" and (item is not None or path == "*"):
            return self.check_empty(answer, where, 204)
        if item is None:
            if answer.status not in (400, 404, 413, 431):
                raise Mismatch(f"{where}: a path that is not in the document")
            return self.check_empty(answer, where, answer.status) if method == "HEAD" else self.check_error(answer, where)
        known = "get" if method == "HEAD" else method.lower()
        operation = item.get(known) or next(iter(item.values()))
        if known not in item and answer.status not in (405, 431):
            raise Mismatch(f"{where}: another method than {', '.join(item)} was not refused")
        response = operation["responses"].get(str(answer.status))
        if response is None:
            raise Mismatch(f"{where}: the document has no such status")
        response = self.resolved(response)
        self.check_headers(answer, response, where)
        if method == "HEAD" or answer.status == 204 or "content" not in response:
            return self.check_empty(answer, where, answer.status)
        self.check_body(answer, response, where)

    def item_of(self, path):
        paths = self.document["paths"]
        for pattern in paths if path not in paths else ():
            parts = re.sub(r"\\{file\\}", ".+", re.sub(r"\\{(session|template|tool|asset|job)\\}", "[^/]+", re.escape(pattern)))
            if "{" in pattern and re.fullmatch(parts, path):
                return paths[pattern]
        return paths.get(path)

    def check_error(self, answer, where):
        self.check_schema(parse_json(text_of(answer)), self.component("schemas", "Error"), where)

    def check_empty(self, answer, where, status):
        if answer.status != status or answer.raw:
            raise Mismatch(f"{where}: not an empty answer with status {status}: {answer.raw[:200]!r}")

    def check_headers(self, answer, response, where):
        for name, header in response["headers"].items():
            header, value = self.resolved(header), answer.headers.get(name)
            if value is None:
                if header.get("required"):
                    raise Mismatch(f"{where}: no header {name}")
                continue
            schema = header["schema"]
            if schema["type"] == "integer":
                value = int(value) if value.isascii() and value.isdigit() else value
            self.check_schema(value, schema, f"{where}: header {name}")

    def check_body(self, answer, response, where):
        sent = answer.headers.get("Content-Type", "")
        media = response["content"].get(sent.split(";")[0])
        if media is None:
            raise Mismatch(f"{where}: the document has no content type {sent!r}")
        if sent.split(";")[0] in NO_JSON:
            return
        each = media.get("x-pyexec-schema-of-each")
        text = text_of(answer)
        is_delivery = text.startswith('{"message_id": ')  # the outcome is in its body
        names_outcome = "Pyexec-Outcome" in response["headers"] and each is None and not is_delivery
        if names_outcome != ("Pyexec-Outcome" in answer.headers):
            raise Mismatch(f"{where}: Pyexec-Outcome: {answer.headers.get('Pyexec-Outcome')}")
        for piece in pieces_of(text, each):
            self.check_schema(piece, media["schema"], where)
            self.check_outcomes(piece, answer, where)
        has_result = answer.status not in (201, 202) and "/files/" not in where and not where.startswith("PUT /templates -> 200")
        if names_outcome and has_result:
            self.check_members(piece, answer.headers["Pyexec-Outcome"], where)

    def check_members(self, body, outcome, where):
        """Checks that a body has just the members its outcome has: others of the same status may differ."""
        row = next(row for row in self.document["x-pyexec-outcomes"] if row["name"] == outcome)
        sure, maybe = (set(re.findall(r"`(\w+)`", part)) for part in (row["body"].split("maybe") + [""])[:2])
        there = {"result", "error", "stdout", "continue", "calls"} & body.keys()
        if not sure <= there <= sure | maybe:
            raise Mismatch(f"{where}: {outcome} with {sorted(there)}, not {row['body']}")

    def check_outcomes(self, piece, answer, where):
        """Checks that a status belongs to its outcome, and that the header and the body agree."""
        named = piece.get("outcome") if isinstance(piece, dict) else None
        if named is not None and answer.headers.get("Pyexec-Outcome") not in (None, named):
            raise Mismatch(f"{where}: the body says {named}, the header {answer.headers['Pyexec-Outcome']}")
        entries = piece if isinstance(piece, list) else [piece]
        for entry in entries:
            entry = entry.get("data", entry) if isinstance(entry, dict) else {}
            if not {"outcome", "status"} <= entry.keys():
                continue
            row = next(row for row in self.document["x-pyexec-outcomes"] if row["name"] == entry["outcome"])
            if entry["status"] not in row["statuses"]:
                raise Mismatch(f"{where}: {entry['outcome']} with status {entry['status']}")

    def check_accepted(self, method, target, body, answer):
        """Checks that the document allows a request that became a job."""
        schema = JOB_PATHS.get(target.partition("?")[0])
        if method != "POST" or schema is None or answer.status not in (200, 202, 422) or body is None:
            return
        text = body.encode() if isinstance(body, str) else body
        if isinstance(text, bytes) and text.lstrip()[:1] in (b"{", b"["):  # else it is a form, or a script alone
            sent = parse_json(text)
            is_wrapped = isinstance(sent, dict) and "message" in sent
            self.check_schema(sent, self.component("schemas", "PubSubPush" if is_wrapped else schema), "an accepted request")


def text_of(answer):
    is_packed = answer.headers.get("Content-Encoding") == "gzip"
    return (gzip.decompress(answer.raw) if is_packed else answer.raw).decode()


def pieces_of(text, each):
    """The parts of a body, as the document's schema is of one part."""
    if each == "line":
        return [parse_json(line) for line in text.splitlines() if line]
    if each == "event":
        return [event for event in map(sent_event, text.split("\n\n")) if event is not None]
    return [parse_json(text)]


def sent_event(block):
    """Parses the text between two blank lines of text/event-stream. Returns None for comments."""
    fields = [line.partition(": ") for line in block.split("\n") if line and not line.startswith(":")]
    if not fields:
        return None
    event = {name: value for name, _, value in fields}
    return {**event, "data": parse_json(event["data"])}
