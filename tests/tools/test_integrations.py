"""Providers, each against its service on loopback."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from agents.models import Developer
from agents.tools.errors import BadArguments, Delivery, ToolError
from agents.tools.integrations.providers import run_here
from agents.tools.integrations.registry import all_methods
from agents.tools.integrations.search import SearchNotConfigured, web_search
from julep_project.devservices.loopback import Reply
from tests.loopback.smtp_server import SmtpServer
from tests.loopback.web_server import WebServer
from tests.tools.calling import call_tool

SETUPS = {
    "weather": {"openweathermap_api_key": "key"},
    "brave": {"brave_api_key": "key"},
    "spider": {"spider_api_key": "key"},
    "mailgun": {"api_key": "key"},
    "algolia": {"algolia_application_id": "APP1", "algolia_api_key": "key"},
    "unstructured": {"unstructured_api_key": "key"},
    "llama_parse": {"llamaparse_api_key": "key", "params": {"language": "en"}},
    "cloudinary": {
        "cloudinary_api_key": "key",
        "cloudinary_api_secret": "secret",
        "cloudinary_cloud_name": "sky",
    },
}
MAIL = {"to": "bo@example.com", "from": "Ada <ada@mail.example.com>", "subject": "Tides", "body": "High at noon.\n"}


@pytest.fixture(autouse=True)
def addresses(settings: Any, web_server: WebServer) -> None:
    settings.INTEGRATION_ADDRESSES = dict.fromkeys(run_here(), web_server.url)
    settings.BRAVE_API_KEY = settings.OPENWEATHERMAP_API_KEY = settings.SPIDER_API_KEY = ""


def call(provider: str, arguments: dict[str, Any], method: str | None = None, **options: Any) -> Any:
    spec = {"provider": provider, "method": method, "setup": SETUPS.get(provider), **options.pop("spec", {})}
    tool = {"name": "t", "type": "integration", "integration": spec}
    return call_tool(Developer(), tool, arguments, **{"idempotency_key": "key-1", **options})


def test_a_module_is_named_like_its_provider() -> None:
    for name, methods in all_methods().items():
        assert {method.provider for method in methods} == {name}
        assert len({method.name for method in methods}) == len(methods)


class TestDefinition:
    def test_dummy_gives_back_its_arguments(self) -> None:
        assert call("dummy", {"a": 1, "b": None}) == {"a": 1}

    def test_what_is_not_run_here_says_what_is(self) -> None:
        with pytest.raises(ToolError, match=r"'nobody' is not run by this server \(it runs: .*dummy.*\)") as caught:
            call("nobody", {})
        assert not caught.value.retryable
        with pytest.raises(ToolError, match=r"'brave' has no method 'fetch' \(it has: search\)"):
            call("brave", {"query": "x"}, "fetch")

    def test_a_setup_without_its_key_is_refused_and_says_so(self, web_server: WebServer) -> None:
        with pytest.raises(ToolError, match="setup of brave needs brave_api_key .*BRAVE_API_KEY") as caught:
            call("brave", {"query": "x"}, spec={"setup": {}})
        assert not caught.value.retryable and web_server.requests == []

    def test_a_setup_of_the_wrong_form_is_not_shown(self) -> None:
        with pytest.raises(ToolError, match=r"at \$\.brave_api_key") as caught:
            call("brave", {"query": "x"}, spec={"setup": {"brave_api_key": 123456}})
        assert "123456" not in caught.value.message

    def test_arguments_are_checked(self) -> None:
        with pytest.raises(BadArguments, match="'query' is a required property"):
            call("wikipedia", {})
        with pytest.raises(BadArguments, match=r"at \$\.load_max_docs"):
            call("wikipedia", {"query": "x", "load_max_docs": 11})

    def test_a_refused_key_is_final_and_a_busy_service_is_not(self, web_server: WebServer) -> None:
        web_server.script("/res/v1/web/search", Reply(401), Reply(429), Reply(body="no json"))
        for retryable in (True, False):
            with pytest.raises(ToolError) as caught:
                call("brave", {"query": "x"})
            assert caught.value.retryable is not retryable
        with pytest.raises(ToolError, match="JSON"):
            call("brave", {"query": "x"})


class TestBrave:
    ANSWER = {"web": {"results": [{"title": f"T{n}", "url": f"https://{n}", "description": "d"} for n in range(9)]}}

    def test_search(self, web_server: WebServer) -> None:
        web_server.script("/res/v1/web/search", Reply(body=self.ANSWER))

        found = call("brave", {"query": "high tide"})

        assert found["result"][0] == {"title": "T0", "link": "https://0", "snippet": "d"}
        assert len(found["result"]) == 3
        (sent,) = web_server.requests
        assert (sent.query, sent.headers["x-subscription-token"]) == ({"q": "high tide", "count": "3"}, "key")

    @pytest.mark.parametrize("body", [{}, {"web": None}, {"web": {"results": [None, {}]}}])
    def test_an_answer_with_gaps(self, web_server: WebServer, body: Any) -> None:
        web_server.script("/res/v1/web/search", Reply(body=body))

        assert all(hit == {"title": "", "link": "", "snippet": ""} for hit in call("brave", {"query": "x"})["result"])

    def test_the_name_of_earlier_clients_and_the_key_of_the_server(self, web_server: WebServer, settings: Any) -> None:
        web_server.script("/res/v1/web/search", Reply(body=self.ANSWER))
        settings.BRAVE_API_KEY = "of the server"

        call("brave", {"query": "x"}, spec={"setup": {"api_key": "own"}})
        call("brave", {"query": "x"}, spec={"setup": {}})

        keys = [request.headers["x-subscription-token"] for request in web_server.requests]
        assert keys == ["own", "of the server"]

    def test_web_search(self, web_server: WebServer, settings: Any) -> None:
        web_server.script("/res/v1/web/search", Reply(body=self.ANSWER))
        settings.BRAVE_API_KEY = "key"

        found = web_search(Developer(), "tide", limit=2)

        assert found == [{"title": f"T{n}", "url": f"https://{n}", "snippet": "d"} for n in range(2)]
        assert web_server.requests[0].query["count"] == "2"

    def test_web_search_without_a_key(self, settings: Any) -> None:
        settings.INTEGRATION_ADDRESSES = {}

        with pytest.raises(SearchNotConfigured) as caught:
            web_search(Developer(), "tide")
        assert caught.value.status == 400 and "BRAVE_API_KEY" in (caught.value.fix or "")


def test_wikipedia(web_server: WebServer) -> None:
    pages = {
        "7": {"index": 2, "title": "Neap tide", "extract": "Small.", "fullurl": "https://w/Neap"},
        "3": {"index": 1, "title": "Tide", "extract": "Rise and fall.\nMore.", "fullurl": "https://w/Tide"},
    }
    web_server.script("/w/api.php", Reply(body={"query": {"pages": pages}}))

    documents = call("wikipedia", {"query": "tide"})["documents"]

    assert [document["metadata"]["title"] for document in documents] == ["Tide", "Neap tide"]
    assert documents[0] == {
        "page_content": "Rise and fall.\nMore.",
        "metadata": {"title": "Tide", "summary": "Rise and fall.", "source": "https://w/Tide"},
    }
    assert web_server.requests[0].query["gsrlimit"] == "2"


def test_wikipedia_without_a_hit(web_server: WebServer) -> None:
    web_server.script("/w/api.php", Reply(body={"batchcomplete": ""}))

    assert call("wikipedia", {"query": "zzz"}) == {"documents": []}


def test_weather(web_server: WebServer) -> None:
    body = {"name": "Bonn", "weather": [{"description": "light rain"}], "main": {"temp": 9.5}, "wind": {"speed": 3}}
    web_server.script("/data/2.5/weather", Reply(body=body))

    told = call("weather", {"location": "Bonn,DE"})["result"]

    assert told.splitlines() == [
        "The weather in Bonn now:",
        "Weather: light rain",
        "Temperature: 9.5 °C",
        "Wind: 3 m/s",
    ]
    assert web_server.requests[0].query == {"q": "Bonn,DE", "units": "metric", "appid": "key"}


FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">
  <entry>
    <id>http://arxiv.org/abs/1</id><title>On\n  tides</title><summary> Short. </summary>
    <updated>2024-01-02T00:00:00Z</updated><published>2024-01-01T00:00:00Z</published>
    <author><name>Ada L.</name></author><author><name>Bo</name></author>
    <arxiv:comment>5 pages</arxiv:comment><arxiv:primary_category term="physics.ao-ph"/>
    <category term="physics.ao-ph"/><category term="cs.AI"/>
    <link href="http://arxiv.org/abs/1" rel="alternate"/><link title="pdf" href="{pdf}" rel="related"/>
  </entry>
</feed>"""


class TestArxiv:
    def test_search(self, web_server: WebServer) -> None:
        web_server.script("/api/query", Reply(body=FEED))

        (paper,) = call("arxiv", {"query": "ti:tides", "id_list": ["1", "2"]})["result"]

        assert (paper["title"], paper["authors"], paper["summary"]) == ("On tides", ["Ada L.", "Bo"], "Short.")
        assert (paper["comment"], paper["doi"], paper["primary_category"]) == ("5 pages", None, "physics.ao-ph")
        assert (paper["categories"], len(paper["links"])) == (["physics.ao-ph", "cs.AI"], 2)
        assert web_server.requests[0].query == {
            "search_query": "ti:tides",
            "id_list": "1,2",
            "max_results": "5",
            "sortBy": "relevance",
            "sortOrder": "descending",
        }

    def test_the_file_of_a_paper(self, web_server: WebServer) -> None:
        pdf = web_server.script("/pdf/1", Reply(body=b"%PDF"))
        web_server.script("/api/query", Reply(body=FEED.replace("{pdf}", pdf)))

        (paper,) = call("arxiv", {"query": "x", "download_pdf": True})["result"]

        assert base64.b64decode(paper["pdf_downloaded"]["base64"]) == b"%PDF"

    @pytest.mark.parametrize(
        "body",
        [
            "",
            "<feed",
            b"\xff\xfe<\x00",
            '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "' + "x" * 1000 + '">]><a>' + "&b;" * 1000 + "</a>",
        ],
    )
    def test_what_is_no_feed(self, web_server: WebServer, body: Any) -> None:
        web_server.script("/api/query", Reply(body=body))

        with pytest.raises(ToolError, match="did not answer with a feed"):
            call("arxiv", {"query": "x"})


class TestSpider:
    @pytest.mark.parametrize("method", [None, "crawl", "links", "screenshot"])
    def test_pages(self, web_server: WebServer, method: str | None) -> None:
        page = {"content": "text", "error": None, "status": 200, "costs": {}, "url": "https://a"}
        web_server.script(f"/{method or 'crawl'}", Reply(body=[page]))

        assert call("spider", {"url": "https://a", "params": {"limit": 2}}, method) == {"result": [page]}
        (sent,) = web_server.requests
        assert (sent.json(), sent.headers["authorization"]) == ({"limit": 2, "url": "https://a"}, "Bearer key")

    def test_search_takes_words(self, web_server: WebServer) -> None:
        web_server.script("/search", Reply(body={"content": [{"url": "https://a"}]}))

        assert call("spider", {"url": "high tide"}, "search") == {"result": [{"url": "https://a"}]}
        assert web_server.requests[0].json() == {"search": "high tide"}

    def test_other_formats(self, web_server: WebServer) -> None:
        web_server.script("/crawl", Reply(body="a,b\n1,2"))

        found = call("spider", {"url": "https://a", "content_type": "text/csv"})

        assert found == {"result": [{"content": "a,b\n1,2"}]}


class TestMailgun:
    def test_send(self, web_server: WebServer) -> None:
        web_server.script("/v3/mail.example.com/messages", Reply(body={"id": "1"}))

        assert call("mailgun", {**MAIL, "cc": "cy@example.com"}) == {"success": True, "error": None}
        (sent,) = web_server.requests
        assert sent.headers["authorization"] == "Basic " + base64.b64encode(b"api:key").decode()
        assert b"subject=Tides" in sent.body and b"cc=cy%40example.com" in sent.body and b"bcc" not in sent.body

    @pytest.mark.parametrize("sender", ["ada", "ada@../../x", "ada@"])
    def test_a_sender_without_a_domain(self, web_server: WebServer, sender: str) -> None:
        with pytest.raises(BadArguments):
            call("mailgun", {**MAIL, "from": sender})
        assert web_server.requests == []


class TestEmail:
    @pytest.fixture
    def smtp(self) -> Iterator[SmtpServer]:
        with SmtpServer() as server:
            yield server

    def _send(self, smtp: SmtpServer, **options: Any) -> Any:
        setup = {"host": "127.0.0.1", "port": smtp.port, "user": "ada", "password": "secret"}
        return call("email", {**MAIL, **options.pop("mail", {})}, spec={"setup": setup}, **options)

    def test_send(self, smtp: SmtpServer) -> None:
        assert self._send(smtp) == {"success": True}
        self._send(smtp)

        first, again = smtp.messages
        assert "Subject: Tides" in first and "High at noon." in first
        assert "mail FROM:<ada@mail.example.com>" in "\n".join(smtp.commands)
        assert any(command.startswith("AUTH PLAIN") for command in smtp.commands)
        ids = [[line for line in mail.splitlines() if line.startswith("Message-ID")] for mail in (first, again)]
        assert ids[0] == ids[1] and len(ids[0]) == 1

    def test_a_header_cannot_be_slipped_in(self, smtp: SmtpServer) -> None:
        with pytest.raises(BadArguments):
            self._send(smtp, mail={"subject": "a\nBcc: eve@example.com"})
        assert smtp.commands == []

    @pytest.mark.parametrize(
        ("command", "answer", "retryable"),
        [("AUTH", "535 no", False), ("RCPT", "550 nobody", False), ("DATA", "451 later", True)],
    )
    def test_refusals(self, smtp: SmtpServer, command: str, answer: str, retryable: bool) -> None:
        smtp.answers[command] = answer

        with pytest.raises(ToolError) as caught:
            self._send(smtp)

        assert caught.value.retryable is retryable
        assert "secret" not in caught.value.message

    def test_a_private_address_is_refused(self, smtp: SmtpServer, settings: Any) -> None:
        settings.JULEP_HTTP_ALLOW = []

        with pytest.raises(ToolError, match="JULEP_HTTP_ALLOW") as caught:
            self._send(smtp)
        assert not caught.value.retryable and caught.value.delivery is Delivery.NOT_SENT
        assert smtp.commands == []

    def test_it_is_over_in_time(self, web_server: WebServer) -> None:
        setup = {"host": "127.0.0.1", "port": web_server.port}  # never says a word of its own

        with pytest.raises(ToolError, match="mail server") as caught:
            call("email", MAIL, spec={"setup": setup}, timeout_s=0.3)
        assert caught.value.retryable and caught.value.delivery is Delivery.NOT_SENT


def test_algolia(web_server: WebServer) -> None:
    answer = {"hits": [{"objectID": "1"}], "nbHits": 1, "page": 0, "nbPages": 1, "processingTimeMS": 2, "query": "q"}
    web_server.script("/1/indexes/my%2Findex/query", Reply(body=answer))

    found = call("algolia", {"index_name": "my/index", "query": "q", "attributes_to_retrieve": ["a"]})

    hits = answer.pop("hits")
    assert found == {"hits": hits, "metadata": answer}
    (sent,) = web_server.requests
    assert sent.json() == {"query": "q", "hitsPerPage": 10, "attributesToRetrieve": ["a"]}
    assert (sent.headers["x-algolia-application-id"], sent.headers["x-algolia-api-key"]) == ("APP1", "key")


def test_the_application_of_algolia_is_no_way_to_another_host(web_server: WebServer) -> None:
    setup = {"algolia_application_id": "evil.example/", "algolia_api_key": "key"}

    with pytest.raises(ToolError, match="algolia_application_id"):
        call("algolia", {"index_name": "i", "query": "q"}, spec={"setup": setup})
    assert web_server.requests == []


class TestUnstructured:
    FILE = base64.b64encode(b"# Tides").decode()

    def test_elements(self, web_server: WebServer) -> None:
        web_server.script("/general/v0/general", Reply(body=[{"type": "Title", "text": "Tides"}]))

        found = call("unstructured", {"file": self.FILE, "filename": "a.md", "partition_params": {"n": 1}})

        assert (found["status_code"], found["csv_elements"]) == (200, None)
        assert found["content"] == [{"type": "Title", "text": "Tides"}]
        (sent,) = web_server.requests
        assert sent.headers["unstructured-api-key"] == "key"
        assert b'filename="a.md"' in sent.body and b"# Tides" in sent.body and b'name="n"' in sent.body

    def test_csv(self, web_server: WebServer) -> None:
        web_server.script("/general/v0/general", Reply(body="a,b", headers={"Content-Type": "text/csv"}))

        found = call("unstructured", {"file": self.FILE})

        assert (found["csv_elements"], found["content"]) == ("a,b", None)

    def test_a_file_that_is_no_base64(self, web_server: WebServer) -> None:
        with pytest.raises(BadArguments, match="base64"):
            call("unstructured", {"file": "???"})
        assert web_server.requests == []


class TestLlamaParse:
    def test_a_document_is_read_when_it_is_ready(self, web_server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agents.tools.integrations.providers.llama_parse._PAUSE_S", 0.01)
        web_server.script("/api/parsing/upload", Reply(body={"id": "j1"}))
        web_server.script("/api/parsing/job/j1", Reply(body={"status": "PENDING"}), Reply(body={"status": "SUCCESS"}))
        web_server.script("/api/parsing/job/j1/result/markdown", Reply(body={"markdown": "# Tides"}))
        file = base64.b64encode(b"%PDF").decode()

        found = call("llama_parse", {"file": file, "filename": "a.pdf", "base64": True})

        assert found == {"documents": [{"text": "# Tides", "metadata": {"file_name": "a.pdf"}}]}
        sent = web_server.requests[0]
        assert b"%PDF" in sent.body and b'name="language"' in sent.body
        assert sent.headers["authorization"] == "Bearer key"

    def test_addresses(self, web_server: WebServer) -> None:
        web_server.script("/api/parsing/upload", Reply(body={"id": "j1"}))
        web_server.script("/api/parsing/job/j1", Reply(body={"status": "ERROR"}))

        with pytest.raises(ToolError, match="ERROR"):
            call("llama_parse", {"file": ["https://a/b.pdf"]})
        assert b"input_url=https" in web_server.requests[0].body
        with pytest.raises(BadArguments, match="address"):
            call("llama_parse", {"file": "/etc/passwd"})

    def test_it_is_over_in_time(self, web_server: WebServer) -> None:
        web_server.script("/api/parsing/upload", Reply(body={"id": "j1"}))
        web_server.script("/api/parsing/job/j1", Reply(body={"status": "PENDING"}))

        with pytest.raises(ToolError, match="not ready in time"):
            call("llama_parse", {"file": "https://a/b.pdf"}, timeout_s=1.0)


class TestCloudinary:
    def test_upload_is_signed(self, web_server: WebServer) -> None:
        picture = web_server.script("/picture", Reply(body=b"PNG"))
        web_server.script("/v1_1/sky/auto/upload", Reply(body={"secure_url": picture, "public_id": "p"}))

        stored = call("cloudinary", {"file": "https://a/b.png", "public_id": "p", "return_base64": True})

        assert (stored["url"], stored["public_id"]) == (picture, "p")
        assert base64.b64decode(stored["base64"]) == b"PNG"
        form = parse_qs(web_server.requests[0].body.decode())
        signed = f"public_id=p&timestamp={form['timestamp'][0]}secret"
        assert form["signature"] == [hashlib.sha1(signed.encode()).hexdigest()]
        assert form["api_key"] == ["key"] and "secret" not in str(form)

    def test_edit_is_an_address(self, web_server: WebServer) -> None:
        steps = [{"crop": "fill", "width": 200}, {"effect": "blur:300"}]

        edited = call("cloudinary", {"public_id": "a/b c", "transformation": steps}, "media_edit")

        assert edited["transformed_url"] == f"{web_server.url}/sky/image/upload/c_fill,w_200/e_blur:300/a/b%20c"
        assert edited["base64"] is None
        with pytest.raises(BadArguments, match="not turn"):
            call("cloudinary", {"public_id": "a", "transformation": [{"turn": 1}]}, "media_edit")
