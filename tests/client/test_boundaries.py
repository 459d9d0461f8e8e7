"""The client is a library for other programs: small to import, and the same twice."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import waypost.client
from waypost.client import AsyncClient, Client
from waypost.client.consent import AsyncConsents, Consents
from waypost.client.media import AsyncMedia, Media
from waypost.client.reports import AsyncReports, Reports
from waypost.client.sources import AsyncSources, Sources
from waypost.client.templates import AsyncTemplates, Templates

SOURCE = Path(waypost.client.__file__).parent
PAIRS = [
    (Client, AsyncClient),
    (Consents, AsyncConsents),
    (Media, AsyncMedia),
    (Reports, AsyncReports),
    (Sources, AsyncSources),
    (Templates, AsyncTemplates),
]


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_nothing_of_waypost_but_the_client_is_imported():
    names = {name for path in SOURCE.glob("*.py") for name in imported(path)}

    assert [] == [name for name in names if name.split(".")[0] == "waypost" and not name.startswith("waypost.client")]


def test_importing_the_client_imports_no_framework_and_no_database():
    script = "import sys, waypost.client, waypost.client.webhooks; print(*sys.modules)"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    loaded = {name.split(".")[0] for name in ended.stdout.split()}
    assert loaded.isdisjoint({"fastapi", "starlette", "pydantic", "sqlalchemy", "aiohttp", "typer", "structlog"})


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].__name__)
def test_both_clients_have_the_same_methods_with_the_same_arguments(pair):
    blocking, other = (
        {name: one for name, one in vars(kind).items() if inspect.isfunction(one) and not name.startswith("__")}
        for kind in pair
    )

    assert blocking.keys() == other.keys()
    for name, method in blocking.items():
        assert inspect.signature(method) == inspect.signature(other[name]), name
        assert inspect.iscoroutinefunction(other[name])
        assert other[name].__doc__ == f"See ``{pair[0].__name__}.{name}``."


def test_everything_public_is_listed_and_typed():
    listed = waypost.client.__all__

    assert sorted(listed) == listed
    assert set(listed) == {
        name for name, one in vars(waypost.client).items() if not name.startswith("_") and not inspect.ismodule(one)
    }
    assert (SOURCE.parent / "py.typed").exists()
