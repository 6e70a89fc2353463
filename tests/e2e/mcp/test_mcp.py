"""The protocol of POST /mcp: how it begins, messages, headers, and who may ask."""

import json

import pytest

from api_keys import KEY, line
from mcp import CAPABILITIES, ERAS, HANDSHAKE, STATELESS, VERSION, Client, error_of, texts
from mcp_service import client, new, old, patient, service, session, session_of, HANDSHAKES, ONE, PAGE, PRINT_FOREVER, TWO  # noqa: F401: fixtures
from service import TIMEOUT_MS, Service
from state import pool_of


# Beginning

@pytest.mark.parametrize("version", HANDSHAKES)
def test_a_handshake_agrees_on_each_version(old, version):
    asked = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    result = old.result("initialize", asked, headers={"MCP-Protocol-Version": None})
    assert (result["protocolVersion"], result["serverInfo"]["name"]) == (version, "pyexec")
    assert (result["capabilities"], "run_python" in result["instructions"]) == ({"tools": {"listChanged": False}}, True)
    assert old.ask("notifications/initialized", id=None).status == 202
    spoken = Client(old.service, version)
    assert spoken.result("ping") == {} and spoken.value("1 + 1") == 2


@pytest.mark.parametrize("version", ["2024-11-05", STATELESS, "2099-01-01", "", None, 5])
def test_a_handshake_with_another_version_offers_the_newest(old, version):
    assert old.result("initialize", {"protocolVersion": version}, headers={"MCP-Protocol-Version": None})["protocolVersion"] == HANDSHAKES[0]


def test_no_session_of_the_protocol_is_begun(old):
    answer = old.ask("initialize", {"protocolVersion": HANDSHAKE})
    assert answer.status == 200 and "Mcp-Session-Id" not in answer.headers
    assert old.ask("ping", headers={"Mcp-Session-Id": "anything"}).status == 200


def test_discovery(new):
    result = new.result("server/discover")
    assert result["supportedVersions"] == [STATELESS]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "pyexec"
    assert (result["resultType"], result["capabilities"], result["cacheScope"]) == ("complete", {"tools": {}}, "public")
    assert result["ttlMs"] > 0 and "run_python" in result["instructions"]


def test_each_era_has_its_own_methods(new, old):
    assert old.result("ping") == {}
    for method in ("ping", "initialize"):
        new.error(404, -32601, method)
    old.error(400, -32602, "server/discover")  # a request of the other era, and it does not say so
    for client, status in ((new, 404), (old, 200)):
        for method in ("prompts/list", "resources/list", "logging/setLevel", "completion/complete", "subscriptions/listen", "tools/none", ""):
            assert method in client.error(status, -32601, method)


# Messages

@pytest.mark.parametrize("id", [0, 1, -1, 1.5, 2**70, "", "1", "é ☃ \0 \""])
def test_an_id_comes_back_as_it_is(client, id):
    answer = client.ask("tools/list", id=id)
    assert (answer.status, answer.body["id"], type(answer.body["id"])) == (200, id, type(id))
    assert client.ask("tools/none", id=id).body["id"] == id


@pytest.mark.parametrize("id", [None, True, [1], {}])
def test_an_id_of_another_kind_is_refused(client, id):
    head, message = client.parts("tools/list", {})
    answer = client.post({**message, "id": id}, head)
    error_of(answer, 400, -32600)
    assert answer.body["id"] is None


def test_notifications_are_accepted_and_run_nothing(client, service):
    for method in ("notifications/initialized", "notifications/cancelled", "notifications/nothing"):
        answer = client.ask(method, id=None)
        assert (answer.status, answer.raw) == (202, b"")
    assert client.ask("tools/call", {"name": "run_python", "arguments": {"code": PRINT_FOREVER}}, id=None).status == 202
    assert pool_of(service)["running"] == 0


@pytest.mark.parametrize("member", [{"result": {}}, {"error": {"code": 1, "message": "x"}}])
def test_an_answer_to_what_nobody_asked_is_accepted(client, member):
    answer = client.post({"jsonrpc": "2.0", "id": 1, **member})
    assert (answer.status, answer.raw) == (202, b"")


PING = {"jsonrpc": "2.0", "id": 7, "method": "ping"}


@pytest.mark.parametrize(("message", "code", "id"), [
    ([], -32600, None), ([PING], -32600, None), ([PING, PING], -32600, None), ("text", -32600, None), (5, -32600, None), (None, -32600, None),
    ({}, -32600, None), ({**PING, "jsonrpc": "1.0"}, -32600, 7), ({**PING, "jsonrpc": 2.0}, -32600, 7), ({"id": 7, "method": "ping"}, -32600, 7),
    ({**PING, "method": 5}, -32600, 7), ({**PING, "method": None}, -32600, 7), ({"jsonrpc": "2.0", "id": 7}, -32600, 7),
    ({**PING, "params": []}, -32602, 7), ({**PING, "params": "x"}, -32602, 7), ({**PING, "params": None}, -32602, 7),
])
def test_what_is_no_message_is_refused(old, message, code, id):
    answer = old.post(json.dumps(message))
    error_of(answer, 400, code)
    assert answer.body["id"] == id
    assert old.post(PING).body == {"jsonrpc": "2.0", "id": 7, "result": {}}


MANY = {str(number): 0 for number in range(1001)}


@pytest.mark.parametrize(("message", "code"), [({**MANY, **PING}, -32600), ({**PING, "params": MANY}, -32602)])
def test_a_message_with_too_many_members_is_refused(old, message, code):
    assert "1000 members" in error_of(old.post(message), 400, code)
    assert old.post({**PING, "params": {**dict(list(MANY.items())[:900]), "deep": MANY}}).status == 200


NO_JSON = {
    "nothing": "", "a beginning": "{", "half": "{\"jsonrpc\": \"2.0\"", "a word": "nothing", "not UTF-8": b"{\"a\": \"\xff\"}", "two": "{} {}",
    "NaN": "{\"a\": NaN}", "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("kind", NO_JSON)
def test_what_is_not_json(old, kind):
    answer = old.post(NO_JSON[kind])
    message = error_of(answer, 400, -32700)
    assert answer.body["id"] is None
    assert "result" not in message  # it is a request


def test_unknown_members_are_passed_over(client):
    head, message = client.parts("tools/call", {"name": "run_python", "arguments": {"code": "1"}, "more": [1], "inputResponses": {}})
    answer = client.post({**message, "extra": {"deep": []}}, head)
    assert (answer.status, answer.body["result"]["structuredContent"]["result"]) == (200, 1)


def test_the_body_has_to_be_json_by_its_type(old):
    assert old.post(PING, {"Content-Type": "application/json; charset=utf-8"}).status == 200
    assert old.post(PING, {"Content-Type": "text/plain"}).status == 415


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
def test_only_post_is_allowed(service, method):
    answer = service.request(method, "/mcp", headers={"Accept": "text/event-stream"})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST, OPTIONS")


# Headers of the stateless era

@pytest.mark.parametrize("headers", [
    {"MCP-Protocol-Version": None}, {"MCP-Protocol-Version": "2025-11-25"}, {"MCP-Protocol-Version": "x"},
    {"Mcp-Method": None}, {"Mcp-Method": "tools/list"}, {"Mcp-Method": "TOOLS/CALL"}, {"Mcp-Method": "=?base64?dG9vbHMvY2FsbA==?="},
    {"Mcp-Name": None}, {"Mcp-Name": "other"}, {"Mcp-Name": "RUN_PYTHON"}, {"Mcp-Name": "=?base64?b3RoZXI=?="}, {"Mcp-Name": "=?base64?%%%?="},
    {"Mcp-Name": "=?base64?"}, {"Mcp-Name": "=?base64?="}, {"Mcp-Name": "=?base64?cnVuX3B5dGhvbg=="},
])
def test_headers_have_to_be_as_the_message_says(new, headers):
    new.error(400, -32020, "tools/call", {"name": "run_python", "arguments": {"code": "1"}}, headers=headers)


@pytest.mark.parametrize("headers", [{}, {"Mcp-Name": "  run_python "}, {"Mcp-Name": "=?base64?cnVuX3B5dGhvbg==?="}])
def test_headers_that_are(new, headers):
    assert new.call("run_python", {"code": "1"}, headers=headers)["isError"] is False


def test_only_a_call_has_a_name(new):
    assert new.result("tools/list", headers={"Mcp-Name": "anything"})["tools"]


def test_a_version_that_is_not_served(new):
    for version in ("2027-01-01", HANDSHAKE):
        answer = new.ask("tools/list", headers={"MCP-Protocol-Version": version}, meta={VERSION: version})
        error_of(answer, 400, -32022)
        assert answer.body["error"]["data"] == {"supported": [STATELESS], "requested": version}


@pytest.mark.parametrize("meta", [{VERSION: None}, {VERSION: 5}, {CAPABILITIES: None}, {CAPABILITIES: []}, {CAPABILITIES: "x"}])
def test_a_request_has_to_name_its_version_and_capabilities(new, meta):
    assert (VERSION if VERSION in meta else CAPABILITIES) in new.error(400, -32602, "tools/list", meta=meta)


def test_a_header_alone_tells_the_era(old):
    for version in (STATELESS, "2099-01-01", "x"):
        old.error(400, -32602, "tools/list", headers={"MCP-Protocol-Version": version})
    for version in (None, *HANDSHAKES):
        assert old.result("tools/list", headers={"MCP-Protocol-Version": version})["tools"]


# Who may ask

LOOPBACK = ["http://localhost", "http://localhost:3000", "https://127.0.0.1:80", "http://[::1]:1"]
STRANGERS = [
    "https://b.example", "null", "http://localhost.b.example", "http://127.0.0.1.b.example", "https://b.example/localhost", "http://localhost@b.example",
    "http://b.example:localhost", "file://", "localhost", "http://b.example#localhost", PAGE + ".b.example", "http://127.0.0.2", "http://0.0.0.0",
]


@pytest.mark.parametrize("origin", [PAGE, *LOOPBACK])
def test_a_page_that_may_ask(old, origin):
    answer = old.ask("ping", headers={"Origin": origin})
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == (origin if origin == PAGE else None)


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_page_that_may_not(client, origin):
    answer = client.ask("tools/call", {"name": "run_python", "arguments": {"code": "1"}}, headers={"Origin": origin})
    assert "PYEXEC_CORS_ORIGINS" in error_of(answer, 403, -32600)
    assert (answer.body["id"], "Access-Control-Allow-Origin" in answer.headers) == (None, False)


def test_a_page_may_send_the_headers_of_the_protocol(service):
    asked = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "mcp-method"}
    answer = service.request("OPTIONS", "/mcp", headers=asked)
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert allowed >= {"content-type", "authorization", "accept", "mcp-protocol-version", "mcp-method", "mcp-name"}


@pytest.fixture(scope="class")
def locked(tmp_path_factory):
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(line("one", KEY) + line("two", "k3y-two"))
    for path in (file, *file.parents):
        if path.stat().st_uid == 0 and path != path.parent:
            path.chmod(path.stat().st_mode | (0o044 if path == file else 0o055))
    with Service(timeout_ms=TIMEOUT_MS, pool=2, keys_file=file) as running:
        yield running


class TestKeys:
    @pytest.mark.parametrize("version", ERAS)
    @pytest.mark.parametrize("method", ["tools/list", "tools/call", "initialize", "server/discover", "nothing"])
    def test_without_a_key_nothing_is_told(self, locked, version, method):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            answer = Client(locked, version, headers).ask(method, {"name": "run_python", "arguments": {"code": "1"}})
            assert (answer.status, answer.headers["WWW-Authenticate"][:6]) == (401, "Bearer")
            assert "jsonrpc" not in answer.body
        assert Client(locked, version, headers).ask("notifications/initialized", id=None).status == 401

    @pytest.mark.parametrize("version", ERAS)
    def test_with_a_key(self, locked, version):
        client = Client(locked, version, ONE)
        assert client.value("6 * 7") == 42 and client.result("tools/list")["tools"]

    def test_a_session_is_found_with_its_own_key_only(self, locked):
        one, two = Client(locked, headers=ONE), Client(locked, headers=TWO)
        handle = session_of(one.run("x = 'secret'", session="new"))
        stolen = two.run("x", session=handle)
        assert (stolen["isError"], texts(stolen)) == (True, texts(two.run("x", session="00000000-" + "0" * 48)))
        assert one.value("x", session=handle) == "secret"
        assert locked.request("DELETE", f"/sessions/{handle}", headers=ONE).status == 204
