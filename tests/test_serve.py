"""The service: each answer belongs to its request, bounds are held, and nothing that was taken is lost."""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Command

from seqformer import api
from seqformer.config import ServeConfig
from seqformer.errors import SeqformerError
from seqformer.runs.lock import training
from seqformer.service import server
from seqformer.service.access import Access
from seqformer.service.batching import Closed, Full, Queue, TooMuch
from seqformer.service.pairs import Directory, open_pair
from seqformer.service.processes import Answer, Died
from seqformer.service.service import Service

for name in ("starlette", "uvicorn", "python_multipart"):
    pytest.importorskip(name, reason="the extra serve is not installed")

LINES = ["le chat mange", "", "un grand chien dort", "la maison rouge"]
Json = Any


class Fake:
    """A process that answers at once, or once it may, with what it was asked."""

    def __init__(self) -> None:
        self.restarts, self.batches, self.deaths = 0, list[list[str]](), 0
        self.may = asyncio.Event()
        self.may.set()

    async def translate(self, pair: str, lines: list[str], alternatives: int) -> list[list[Answer]]:
        self.batches.append(lines)
        await self.may.wait()
        await asyncio.sleep(0.001 * random.random())
        if self.deaths or "poison" in lines:
            self.deaths = max(0, self.deaths - 1)
            raise Died
        if "fail" in lines:
            raise ValueError("secret")
        return [[(f"{pair}|{line}|{k}", ("copy",)) for k in range(alternatives + 1)] for line in lines]

    async def write_page(self, pair: str, out: Path) -> None:
        out.write_text(f"page of {pair}")


def held(work: Callable[[Queue, Fake], Any], **config: Any) -> Any:
    """Let something be done with a queue and its two processes, of which the second is the first again."""

    async def run() -> Any:
        fake = Fake()
        queue = Queue(ServeConfig(**config), [fake.translate, fake.translate])
        queue.start()
        try:
            return await asyncio.wait_for(work(queue, fake), 20)
        finally:
            fake.may.set()
            await queue.close()

    return asyncio.run(run())


def test_each_answer_belongs_to_its_request() -> None:
    random.seed(1)

    async def ask(queue: Queue, number: int) -> None:
        await asyncio.sleep(0.02 * random.random())
        kind = random.choice(["en-fr", "fr-en"]), random.choice([0, 0, 2])
        lines = [f"{number}.{i}" for i in range(random.choice([0, 1, 1, 32]))]
        answers = await queue.translate(kind, lines)
        wanted = [[f"{kind[0]}|{line}|{k}" for k in range(kind[1] + 1)] for line in lines]
        assert [[text for text, _ in best] for best in answers] == wanted

    async def work(queue: Queue, fake: Fake) -> None:
        await asyncio.gather(*(ask(queue, number) for number in range(300)))
        assert queue.waiting == queue.running == 0 and not queue._queues and not queue._pieces
        assert sum(map(len, fake.batches)) == queue.counts.sentences
        assert queue.counts.batches < 0.5 * queue.counts.sentences, "they did not share batches"
        assert all(sum(1 + len(line) // 4 for line in batch) <= 60 for batch in fake.batches)

    held(work, queue=20_000, batch_pieces=60, max_wait=5.0)


def test_what_is_beyond_the_bound_is_refused_and_the_rest_answered() -> None:
    async def work(queue: Queue, fake: Fake) -> None:
        fake.may.clear()
        first = [asyncio.create_task(queue.translate(("p", 0), ["a"])) for _ in range(2)]
        await asyncio.sleep(0.01)  # one with each process
        waiting = asyncio.create_task(queue.translate(("p", 0), ["b"] * 8))
        await asyncio.sleep(0.01)
        with pytest.raises(Full):
            await queue.translate(("p", 0), ["c"] * 3)
        with pytest.raises(TooMuch):
            await queue.translate(("p", 0), ["c"] * 11)
        with pytest.raises(Full):  # a long sentence takes more places
            await queue.translate(("p", 0), ["c" * 5000])
        more = asyncio.create_task(queue.translate(("p", 0), ["c"] * 2))
        await asyncio.sleep(0)
        assert queue.waiting == 10
        waiting.cancel()  # its client has left: there is room again
        await asyncio.sleep(0)
        assert queue.waiting == 2
        fake.may.set()
        assert len(await more) == 2 and [len(await task) for task in first] == [1, 1]
        assert not any("b" in batch for batch in fake.batches)

    held(work, queue=10, max_wait=0.0)


def test_a_queue_that_ends_answers_what_it_took() -> None:
    async def work(queue: Queue, fake: Fake) -> None:
        fake.may.clear()
        tasks = [asyncio.create_task(queue.translate(("p", 0), [str(i)])) for i in range(50)]
        await asyncio.sleep(0)
        ending = asyncio.create_task(queue.close())
        await asyncio.sleep(0.01)
        with pytest.raises(Closed):
            await queue.translate(("p", 0), ["late"])
        fake.may.set()
        await ending
        assert [task.result()[0][0][0] for task in tasks] == [f"p|{i}|0" for i in range(50)]

    held(work, max_wait=60_000.0)


def test_a_death_is_made_good_and_a_second_is_told_to_its_request_alone() -> None:
    async def work(queue: Queue, fake: Fake) -> None:
        async def all_of(*lines: str) -> list[Any]:
            asked = [queue.translate(("p", 0), [line]) for line in lines]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            return [each if isinstance(each, Died) else each[0][0][0] for each in answers]

        fake.deaths = 1
        assert await all_of(*"abcd") == [f"p|{line}|0" for line in "abcd"]
        first, died, *rest = await all_of("a", "poison", "b", "c")
        assert isinstance(died, Died) and [first, *rest] == [f"p|{line}|0" for line in "abc"]
        with pytest.raises(ValueError, match="secret"):
            await queue.translate(("p", 0), ["fail"])

    held(work, max_wait=1.0, workers=1)


class Client:
    """Requests to a server on the loopback."""

    def __init__(self, url: str) -> None:
        self.host, self.port = urllib.parse.urlsplit(url).hostname, urllib.parse.urlsplit(url).port

    def __call__(
        self, path: str, body: Json = None, headers: dict[str, str] | None = None, method: str = ""
    ) -> tuple[int, Json]:
        connection = http.client.HTTPConnection(self.host or "", self.port, timeout=30)
        json_type = {"Content-Type": "application/json"}
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        how = method or ("GET" if body is None else "POST")
        connection.request(how, path, raw, json_type | (headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = answer.headers["content-type"] == "application/json"
        return answer.status, json.loads(text) if is_json else text

    def form(self, path: str, values: Any) -> tuple[int, Json]:
        body = urllib.parse.urlencode(values).encode()
        return self(path, body, {"Content-Type": "application/x-www-form-urlencoded"})


Serve = Callable[..., tuple[Client, Fake]]


@pytest.fixture
def serve(trained: Path) -> Iterator[Serve]:
    """Answer with a fake process, in a thread."""
    running: list[tuple[Any, threading.Thread]] = []

    def begin(pairs: tuple[str, ...] = ("fr-en", "en-de"), access: Access = Access(), **config: Any) -> Any:  # noqa: B008
        bound, started, ready = server.bind("127.0.0.1", 0), list[Any](), threading.Event()
        directory = Directory(open_pair(f"{pair}={trained}") for pair in pairs)

        async def run() -> None:
            fake = Fake()
            service = Service(directory, [fake], ServeConfig(**config))

            def began(uvicorn: Any) -> None:
                started.extend((uvicorn, fake))
                ready.set()

            await server.answer(service, bound, access, began)

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        assert ready.wait(20)
        running.append((started[0], thread))
        return Client(server.address(bound)), started[1]

    yield begin
    for uvicorn, thread in running:
        uvicorn.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def test_the_contract(serve: Serve) -> None:
    ask, _ = serve()
    to = {"source": "fr", "target": "en"}
    assert ask("/translate", {"q": "a\r\nb", **to}) == (200, {"translatedText": "fr-en|a|0\nfr-en|b|0"})
    assert ask("/translate", {"q": ["a", ""], **to}) == (200, {"translatedText": ["fr-en|a|0", "fr-en||0"]})
    assert ask("/translate", {"q": [], **to}) == (200, {"translatedText": []})
    assert ask.form("/translate", {"q": "é", **to}) == (200, {"translatedText": "fr-en|é|0"})
    assert (
        ask.form("/translate", [("q", "a"), ("q", "b"), *to.items()])[1]["translatedText"][1] == "fr-en|b|0"
    )
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}'
    parts = [part.format(*each) for each in ({"q": "ü"} | to).items()]
    body = "".join(f"--x\r\n{each}\r\n" for each in parts) + "--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert ask("/translate", body.encode(), kind) == (200, {"translatedText": "fr-en|ü|0"})
    more = {"alternatives": 2, "warnings": True}
    assert ask("/translate", {"q": "a", **to, **more})[1] == {
        "translatedText": "fr-en|a|0", "alternatives": ["fr-en|a|1", "fr-en|a|2"], "warnings": ["copy"],
    }  # fmt: skip
    html = "<p class='x'>a &amp; b</p><!-- c --><script>d</script>"
    code, told = ask("/translate", {"q": html, "format": "html", **to})
    assert told["translatedText"] == html.replace("a &amp; b", "fr-en|a &amp; b|0") and code == 200
    code, listed = ask("/languages")
    assert [(each["code"], each["name"], each["targets"]) for each in listed] == [
        ("fr", "French", ["en"]), ("en", "English", ["de"]), ("de", "German", []),
    ]  # fmt: skip
    assert ask("/health") == (200, {"status": "ok"})
    assert ask("/frontend/settings")[1]["charLimit"] == ServeConfig().max_characters
    assert ask("/page/en-de") == (200, "page of en-de") and "/page/fr-en" in ask("/")[1]
    code, text = ask("/metrics")
    assert 'seqformer_requests_total{path="/translate",status="200"} 8' in text
    assert float(text.split("\nseqformer_sentences_total ")[1].split()[0]) == 10


def test_the_source_is_detected_among_those_that_are_translated(serve: Serve) -> None:
    pytest.importorskip("py3langid", reason="the extra filters is not installed")
    ask, _ = serve(("fr-en", "de-en", "en-de"))
    french, german = "Où est le chat de ma petite sœur, mon ami ?", "Wo ist denn die Katze meiner Schwester?"
    code, told = ask("/translate", {"q": [german, french, "et"], "source": "auto", "target": "en"})
    assert code == 200 and [each["language"] for each in told["detectedLanguage"]][:2] == ["de", "fr"]
    assert told["translatedText"][:2] == [f"de-en|{german}|0", f"fr-en|{french}|0"]
    code, told = ask.form("/detect", {"q": german})
    assert told[0]["language"] == "de" and 90 < told[0]["confidence"] <= 100 and len(told) == 3
    code, told = ask("/translate", {"q": "<b>x</b>", "source": "auto", "target": "de", "format": "html"})
    assert told["detectedLanguage"]["language"] == "en", "only English is translated into German"


def test_mistakes_are_answered_in_a_line(serve: Serve) -> None:
    ask, _ = serve(max_characters=50)
    to: Json = {"source": "fr", "target": "en"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for body, headers, status, said in (
        (b"{", {}, 400, "not JSON"),
        (b"[" * 60_000, {}, 400, "not JSON"),
        (b"[1]", {}, 400, "object"),
        (b'{"q": "\xff"}', {}, 400, "not UTF-8: byte 8"),
        (b'{"q": "\\ud800", "source": "fr", "target": "en"}', {}, 400, "half a character"),
        (b"q=%ff&source=fr&target=en", form, 400, "not UTF-8"),
        (b"q=a&source=fr&target=en", {}, 400, "not JSON"),
        (b"", {"Content-Type": "multipart/form-data"}, 400, "missing q"),
        (b"x", {"Content-Type": "multipart/form-data"}, 400, "form cannot be read"),
        ({"source": "fr", "target": "en"}, {}, 400, "missing q"),
        ({"q": "a", "target": "en"}, {}, 400, "missing source"),
        ({"q": "a", "source": "fr"}, {}, 400, "missing target"),
        ({"q": 7, **to}, {}, 400, "q must be"),
        ({"q": ["a", None], **to}, {}, 400, "q must be"),
        ({"q": "a", "source": "xx", "target": "en"}, {}, 400, "xx is not supported"),
        ({"q": "a", "source": "en", "target": "fr"}, {}, 400, "not available; what is: fr → en, en → de"),
        ({"q": "a", "source": "auto", "target": "fr"}, {}, 400, "nothing is translated into fr"),
        ({"q": "a", "format": "pdf", **to}, {}, 400, "pdf format is not supported"),
        ({"q": "a", "alternatives": 99, **to}, {}, 400, "from 0 to 10"),
        ({"q": "a", "alternatives": "x", **to}, {}, 400, "from 0 to 10"),
        ({"q": "a" * 51, **to}, {}, 400, "exceeds text limit (50)"),
        ({"q": "fail", **to}, {}, 500, "internal error"),
    ):  # fmt: skip
        code, told = ask("/translate", body, headers)
        assert code == status and set(told) == {"error"} and said in told["error"], (body, told)
    assert ask("/nowhere")[0] == 404 and set(ask("/nowhere")[1]) == {"error"}
    assert ask("/translate")[0] == 405 and ask("/page/../../etc/passwd")[0] == 404
    assert ask("/page/%2e%2e%2fx")[0] == 404
    assert ask("/translate", {"q": "a", **to})[0] == 200, "it goes on"


def test_a_body_too_large_is_refused_without_being_held(serve: Serve) -> None:
    ask, _ = serve()
    whole = 100 << 20
    with socket.create_connection((ask.host, ask.port), timeout=20) as alone:  # before any of it has come
        alone.sendall(f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {whole}\r\n\r\n".encode())
        assert alone.recv(1000).startswith(b"HTTP/1.1 413")
    for headers in ({"Content-Length": str(whole)}, {"Transfer-Encoding": "chunked"}):
        connection = http.client.HTTPConnection(ask.host or "", ask.port, timeout=30)
        connection.putrequest("POST", "/translate")
        for each in headers.items():
            connection.putheader(*each)
        connection.endheaders()
        piece = b"x" * (1 << 20)
        begin, sent = time.monotonic(), 0
        try:
            while sent < whole:
                connection.send(piece if "Content-Length" in headers else b"100000\r\n" + piece + b"\r\n")
                sent += len(piece)
        except OSError:  # it hears no more
            assert time.monotonic() - begin > 1
        answer = connection.getresponse()
        assert answer.status == 413 and "bytes" in json.loads(answer.read())["error"]
        connection.close()


def test_a_queue_that_is_full_and_a_client_that_leaves(serve: Serve) -> None:
    ask, fake = serve(queue=4, max_wait=0.0, timeout=1.0)
    fake.may.clear()
    body = json.dumps({"q": "a\nb\nc", "source": "fr", "target": "en"}).encode()
    head = f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    first, second = (socket.create_connection((ask.host, ask.port)) for _ in range(2))
    first.sendall(head + body)
    wait_for(lambda: fake.batches)
    second.sendall(head + body)
    wait_for(lambda: "seqformer_waiting 3" in ask("/metrics")[1])
    code, told = ask("/translate", json.loads(body))
    assert code == 429 and told["error"].startswith("Slowdown")
    second.close()
    wait_for(lambda: "seqformer_waiting 0" in ask("/metrics")[1])
    code, told = ask("/translate", {"q": "d", "source": "fr", "target": "en"})
    assert code == 504 and "within 1 seconds" in told["error"]
    fake.may.set()
    wait_for(lambda: ask("/translate", {"q": "d", "source": "fr", "target": "en"})[0] == 200)
    assert len(fake.batches) == 2, "what nobody waits for any more is not translated"
    first.close()


def wait_for(condition: Callable[[], object]) -> None:
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() < begin + 20
        time.sleep(0.01)


def test_keys(serve: Serve) -> None:
    ask, _ = serve(access=Access(keys=("one", "zwei")))
    to = {"q": "a", "source": "fr", "target": "en"}
    assert ask("/translate", to)[0] == 403 and ask("/detect", {"q": "a"})[0] == 403 == ask("/metrics")[0]
    assert ask("/translate", to | {"api_key": "onf"}) == (403, {"error": "Invalid API key"})
    assert ask("/translate", to | {"api_key": ["one"]})[0] == 403
    assert (
        ask("/translate", to | {"api_key": "one"})[0]
        == 200
        == ask.form("/translate", to | {"api_key": "zwei"})[0]
    )
    assert (
        ask("/translate?api_key=one", to)[0]
        == 200
        == ask("/metrics", headers={"Authorization": "Bearer zwei"})[0]
    )
    assert ask("/languages")[0] == 200 == ask("/health")[0]


def test_a_browser_lets_pages_of_the_sites_named_read_the_answers(serve: Serve) -> None:
    def allowed(ask: Client, origin: str, method: str, **headers: str) -> str | None:
        connection = http.client.HTTPConnection(ask.host or "", ask.port, timeout=30)
        body = None if method == "OPTIONS" else "q=a&source=fr&target=en"
        form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": origin}
        connection.request(method, "/translate", body, form | headers)
        answer = connection.getresponse()
        assert answer.read()
        connection.close()
        return answer.headers["access-control-allow-origin"]

    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    site, other = "https://example.org", "https://example.org.evil"
    named, _ = serve(access=Access(origins=(site, "http://localhost:3000")))
    assert allowed(named, site, "POST") == site == allowed(named, site, "OPTIONS", **asked)
    assert allowed(named, other, "POST") is None is allowed(named, other, "OPTIONS", **asked)
    anyone, closed = serve(access=Access(origins=("*",)))[0], serve()[0]
    assert allowed(anyone, other, "POST") == "*" and allowed(closed, site, "POST") is None


def begun(trained: Path, *options: str) -> tuple[subprocess.Popen[str], Client]:
    command = [
        sys.executable,
        "-m",
        "seqformer",
        "serve",
        f"fr-en={trained}",
        "--port",
        "0",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    url = process.stdout.readline().strip()
    if not url:
        raise AssertionError(process.communicate()[1])
    return process, Client(url)


def test_the_same_lines_as_translate_and_an_end_that_loses_nothing(trained: Path) -> None:
    process, ask = begun(trained, "--max-wait", "0", "--beam", "2")
    try:
        model, to = api.load(trained, device="cpu"), {"source": "fr", "target": "en"}
        wanted = [t.text for t in model.translate(LINES, beam=2)]
        assert ask("/translate", {"q": "\n".join(LINES), **to}) == (
            200,
            {"translatedText": "\n".join(wanted)},
        )
        assert ask("/translate", {"q": LINES, **to}) == (200, {"translatedText": wanted})
        best = model.translate(LINES[0], beam=3, n_best=3)
        texts = list(dict.fromkeys(t.text for t in best))
        told = ask("/translate", {"q": LINES[0], "alternatives": 2, **to})[1]
        assert [told["translatedText"], *told["alternatives"]] == texts
        libretranslate = pytest.importorskip("libretranslatepy", reason="there is no libretranslatepy here")
        client = libretranslate.LibreTranslateAPI(f"http://{ask.host}:{ask.port}")
        assert client.translate(LINES[2], "fr", "en") == model.translate(LINES[2], beam=2).text
        assert {each["code"] for each in client.languages()} == {"fr", "en"}
    finally:
        many = {"q": ["la maison rouge"] * 60, **to}
        answers: list[tuple[int, Json]] = []
        thread = threading.Thread(target=lambda: answers.append(ask("/translate", many)))
        thread.start()
        wait_for(lambda: answers or "translating 0" not in ask("/metrics")[1])
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        thread.join(20)
    assert answers[0][0] == 200 and len(answers[0][1]["translatedText"]) == 60
    assert process.returncode == 0 and "Traceback" not in err and err.count("\n") == 2, err


def test_what_cannot_be_served_is_told_in_a_line(trained: Path, command: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        given = f"fr-en={trained}"
        (tmp_path / "keys").write_text("\n")
        for arguments, said in (
            ((given, "--port", port), f"port {port} of 127.0.0.1 is in use"),
            ((given, "--port", 70000), "port is 70000"),
            ((given, "--host", "192.0.2.1"), "cannot be had"),
            ((trained,), "does not know its languages"),
            ((f"fr={trained}",), "languages 'fr'"),
            ((given, given), "both translate fr-en"),
            ((given, "--workers", 0), "workers is 0"),
            ((given, "--keys", "keys"), "no key in it"),
            ((given, "--allow-origin", "example.org"), "origin 'example.org'"),
            ((given, "--allow-origin", "https://example.org/"), "origin 'https://example.org/'"),
            (("nowhere",), "nowhere"),
        ):
            code, out, err = command("serve", *arguments)
            assert code == 2 and not out and said in err and err.count("\n") == 1, (arguments, err)


def test_a_missing_extra_is_told_in_a_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    code, out, err = command("serve", "fr-en=somewhere")
    assert (code, out) == (2, "") and "pip install 'seqformer[serve]'" in err and err.count("\n") == 1


def test_a_run_that_is_being_trained(make_run: Any) -> None:
    run = make_run()
    with training(run.folder), pytest.raises(SeqformerError, match="being trained and has no weights yet"):
        open_pair(f"fr-en={run.folder}")
