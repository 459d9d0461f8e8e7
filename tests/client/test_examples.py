"""The published examples, each as a process of its own, against a running demo."""

import base64
import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Signer
from tests.docs.snippets import Reader, blocks_of

EXAMPLES = Path(__file__).parents[2] / "examples"
RECEIVERS = ["fastapi_receiver.py", "flask_receiver.py", "django_receiver.py"]


@dataclass
class Desk:
    """Where the examples are run: an empty directory, the demo's own, and an environment without settings."""

    directory: Path
    data_dir: Path
    environment: dict[str, str]

    def run(self, name: str, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(EXAMPLES / name), *arguments],
            cwd=self.directory,
            env=self.environment | changes,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def exported(self, *arguments: str) -> dict[str, str]:
        """Return what `demo_environment.py` exports, as a shell understands it."""
        ended = self.run("demo_environment.py", "--data-dir", str(self.data_dir), *arguments)
        assert 0 == ended.returncode, ended.stderr
        shell = subprocess.run(
            ["/bin/sh", "-c", 'eval "$LINES"; env -0'], env={"LINES": ended.stdout}, capture_output=True, check=True
        )
        pairs = (line.partition("=") for line in shell.stdout.decode().split("\0") if line)
        return {name: value for name, _, value in pairs}


@pytest.fixture
def desk(stage, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WAYPOST_")}
    return Desk(tmp_path, stage.data_dir, kept)


@pytest.fixture
def serving(desk, stage):
    """Start examples that listen, each with a webhook of the demo's, and stop them at the end."""

    def forget(url: str) -> None:
        for webhook in stage.manage("GET", "/webhooks")["items"]:
            if webhook["url"] == url:
                stage.manage("DELETE", f"/webhooks/{webhook['id']}")

    with contextlib.ExitStack() as stack:
        waiting: list[Callable[[], bool]] = []

        def start(*names: str) -> dict[str, tuple[str, str]]:
            """Return the address and the secret of each, once all listen."""
            started = {name: start_one(name) for name in names}
            for listens in waiting:
                stage.eventually(listens)
            return started

        def start_one(name: str) -> tuple[str, str]:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            url = f"http://127.0.0.1:{port}/webhooks"
            exported = desk.exported("--webhook", url)
            environment = (
                desk.environment | exported | {"PORT": str(port), "EVENTS": str(desk.directory / f"{name}.db")}
            )
            log = stack.enter_context((desk.directory / f"{name}.log").open("wb"))
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(EXAMPLES / name)], cwd=desk.directory, env=environment, stdout=log, stderr=log
                )
            )
            stack.callback(process.terminate)

            def listens() -> bool:
                assert process.poll() is None, (desk.directory / f"{name}.log").read_text()
                with socket.socket() as one:
                    return one.connect_ex(("127.0.0.1", port)) == 0

            stack.callback(forget, url)
            waiting.append(listens)
            return url, exported["WEBHOOK_SECRET"]

        yield start


def kept(path: Path) -> list[tuple[str, str, dict[str, Any]]]:
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as database:
        try:
            rows = database.execute("SELECT key, type, raw FROM event ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:
            return []
    return [(key, kind, json.loads(raw)) for key, kind, raw in rows]


def test_a_picture_is_sent_and_a_refusal_is_explained(desk, stage, numbers):
    exported = desk.exported()
    stage.writes(numbers[0])

    sent = desk.run("send_a_picture.py", numbers[0], exported["PICTURE"], **exported)
    refused = desk.run("send_a_picture.py", numbers[1], exported["PICTURE"], **exported)

    assert 0 == sent.returncode, sent.stderr
    assert sent.stdout.splitlines()[-1] in ("now delivered", "now read")
    assert ["image"] == [message["type"] for message in stage.received(numbers[0])]
    assert (1, True) == (refused.returncode, "8002 Phone number is not opted in" in refused.stderr)
    assert "opt-in first" in refused.stderr


def test_the_readme_of_the_examples_can_be_followed(stage, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "demo").symlink_to(stage.data_dir)
    (tmp_path / "examples").symlink_to(EXAMPLES)
    variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    reader = Reader(directory=tmp_path, variables=variables)

    reader.work_through(blocks_of(EXAMPLES / "README.md", EXAMPLES.parent))

    assert "now " in reader.printed


def test_every_receiver_keeps_what_it_is_told_once_and_takes_nothing_else(desk, stage, serving, numbers):
    to = numbers[0]
    places = {name: desk.directory / f"{name}.db" for name in RECEIVERS}
    told = serving(*RECEIVERS)

    stage.writes(to, "Is my bicycle ready?")
    sent = desk.run("send_a_picture.py", to, str(desk.data_dir / "picture.png"), **desk.exported())
    assert 0 == sent.returncode, sent.stderr
    message_id = sent.stdout.splitlines()[1].removeprefix("accepted as ")

    for name, path in places.items():
        keys = {f"{message_id}:{status}" for status in ("sent", "delivered", "read")}
        stage.eventually(lambda path=path, keys=keys: keys <= {key for key, _, _ in kept(path)})
        assert "Is my bicycle ready?" in [
            raw["text_type"]["text"] for _, kind, raw in kept(path) if kind == "IncomingText"
        ]

        url, secret = told[name]
        before = kept(path)
        body = json.dumps({"delivery_status": [before[-1][2]]})
        other = "whsec_" + base64.b64encode(b"another secret, of another").decode()
        answers = [
            post(stage.http, url, secret, body),
            post(stage.http, url, secret, body, webhook_id="msg_again"),
            post(stage.http, url, secret, "{}"),
            post(stage.http, url, other, body),
            stage.http.post(url, content=body).status_code,
        ]
        assert [204, 204, 400, 401, 401] == answers, name
        assert [key for key, _, _ in before] == [key for key, _, _ in kept(path)]


def post(http: httpx.Client, url: str, secret: str, body: str, *, webhook_id: str = "msg_1") -> int:
    from datetime import UTC, datetime

    now = datetime.fromtimestamp(int(time.time()), UTC)
    signature = Signer(secret).sign(webhook_id, now, body)
    headers = {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
    return http.post(url, content=body, headers=headers).status_code


def test_the_echo_bot_says_once_what_it_hears(desk, stage, serving, numbers):
    to = numbers[0]
    url, secret = serving("echo_bot.py")["echo_bot.py"]
    stage.writes(to, "hello, is anybody there?")
    stage.eventually(lambda: stage.received(to))

    sandbox = f"/sandbox/phones/{to}/messages"
    picture = {"to": stage.source_phone, "type": "image", "image": {"caption": "look"}}
    files = {"file": ("picture.png", (desk.data_dir / "picture.png").read_bytes(), "image/png")}
    stage.sandbox("POST", sandbox, data={"message": json.dumps(picture)}, files=files)
    stage.eventually(lambda: len(stage.received(to)) == 2)
    entry = stage.sandbox("GET", "/inspector/events?kind=incoming&limit=1000")["events"]
    [heard] = [
        one
        for event in entry
        for one in event["body"]["incoming_message"]
        if one["from"] == to and one["message_type"] == "TEXT"
    ]
    again = json.dumps({"incoming_message": [heard]})

    assert [204, 204, 401] == [
        post(stage.http, url, secret, again),
        post(stage.http, url, secret, again, webhook_id="msg_2"),
        post(stage.http, url, "whsec_b3RoZXI=", again),
    ]
    stop = {"to": stage.source_phone, "type": "text", "text": {"body": "stop"}}
    stage.sandbox("POST", sandbox, json=stop)
    log = desk.directory / "echo_bot.py.log"
    stage.eventually(lambda: "not answered: 8002" in log.read_text())
    text, image = stage.received(to)
    assert ("hello, is anybody there?", "look") == (text["text"]["body"], image["image"]["caption"])
    assert "context" in text
