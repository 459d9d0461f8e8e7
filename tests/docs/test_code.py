"""What the documents say of the code is so."""

import ast
import collections
import importlib
import pkgutil
import re
import tomllib

import waypost


def packages_of_layers(root):
    """Return import-linter's layers, each a set of packages and whether they are independent of each other."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract.get("exhaustive")]
    return [(set(re.findall(r"[a-z_]+", layer)), "|" in layer) for layer in layers]


def test_the_table_of_packages_is_the_one_that_import_linter_holds_the_code_to(root, table_rows):
    rows = [row for row in table_rows("ARCHITECTURE.md", "Packages") if row[0] != "beside"]
    documented = [(set(re.findall(r"`([a-z_]+)`", row[1])), "*apart*" in row[0]) for row in rows]

    assert packages_of_layers(root) == documented
    assert [int(row[0].split()[0]) for row in rows] == list(range(1, len(rows) + 1))


def test_the_table_of_packages_is_the_tree(table_rows):
    rows = table_rows("ARCHITECTURE.md", "Packages")
    documented = [name for row in rows for name in re.findall(r"`([a-z_]+)`", row[1])]

    assert sorted(module.name for module in pkgutil.iter_modules(waypost.__path__)) == sorted(documented)


def test_every_module_that_architecture_names_exists(root):
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([a-z_0-9]+(?:/[a-z_0-9]+)+)`", text) if not name.startswith("docs/")}
    source = root / "src" / "waypost"

    assert named
    assert [name for name in named if not (source / name).is_dir() and not (source / f"{name}.py").is_file()] == []


def test_every_class_that_the_glossary_names_exists(root):
    text = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z_0-9.]+\.[A-Z]\w+)`", text)

    assert len(named) > 50
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(f"waypost.{module}"), attribute), name


def test_no_word_of_the_glossary_is_explained_twice(root):
    text = (root / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| (?!Word|---)([^|]+?) \|", text, re.MULTILINE)

    assert sorted(set(words)) == sorted(words)


def calls(root):
    """Yield every call in the gateway's code; the sandbox is another program, and the client is for others."""
    source = root / "src" / "waypost"
    for path in sorted(source.rglob("*.py")):
        if path.is_relative_to(source / "sandbox") or path.is_relative_to(source / "client"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path, node


LEVELS = {"debug", "info", "warning", "error", "exception"}


def logged_events(root):
    """Return name to (level, fields) of every event that the code logs."""
    events = {}
    for path, call in calls(root):
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS or not call.args:
            continue
        owner = ast.unparse(call.func.value)
        if owner not in {"_logger", "logger", "log", "self._log", "self._logger"}:
            continue
        name = call.args[0]
        assert isinstance(name, ast.Constant), f"{path}: an event's name must stand in the call"
        level = {"exception": "error"}.get(call.func.attr, call.func.attr)
        known_level, fields = events.setdefault(name.value, (level, set()))
        assert known_level == level, f"{name.value} is logged at two levels"
        fields.update(keyword.arg for keyword in call.keywords if keyword.arg is not None)
    return events


def test_every_event_of_the_log_is_documented_and_no_other(root, table_rows):
    documented = {row[0].strip("`"): row[1] for row in table_rows("docs/events.md", "Log")}
    logged = {name: level for name, (level, _) in logged_events(root).items()}

    assert len(logged) > 20
    assert {**logged, "library.logged": "any"} == documented


def test_every_field_of_an_event_is_documented(root, table_rows):
    documented = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in table_rows("docs/events.md", "Log")}

    assert {
        name: missing for name, (_, fields) in logged_events(root).items() if (missing := fields - documented[name])
    } == {}


def test_events_are_listed_in_the_order_of_their_names(table_rows):
    names = [row[0].strip("`") for row in table_rows("docs/events.md", "Log")]

    assert sorted(names) == names


def test_every_notice_is_documented_with_its_members_and_no_other(root, table_rows):
    documented = {
        row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in table_rows("docs/events.md", "Notices")
    }
    made = {}
    for path, call in calls(root):
        if ast.unparse(call.func) != "Notice":
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        kind = given["type"]
        if isinstance(kind, ast.Name):
            module = ".".join(path.relative_to(root / "src").with_suffix("").parts)
            name = getattr(importlib.import_module(module), kind.id)
        else:
            name = ast.literal_eval(kind)
        assert isinstance(given["data"], ast.Dict)
        made.setdefault(name, set()).update(ast.literal_eval(key) for key in given["data"].keys)

    assert documented == made


def test_every_kind_of_webhook_is_documented(table_rows):
    from waypost.contract.events import WebhookKind

    documented = {row[0].strip("`") for row in table_rows("docs/events.md", "Webhooks")}

    assert {kind.value for kind in WebhookKind} == documented


def test_every_direct_dependency_has_its_reason_and_they_are_few(root, table_rows):
    project = tomllib.loads((root / "pyproject.toml").read_text())
    direct = {re.split(r"[\[>=; ]", line)[0] for line in project["project"]["dependencies"]}
    rows = table_rows("docs/adr/0019-dependencies.md", "Decision")
    documented = [row[0].strip("`") for row in rows]

    assert sorted(direct) == documented
    assert all(row[1] and row[2] for row in rows)
    assert len(direct) < 30


def test_every_tool_has_its_reason(root):
    groups = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]
    tools = {re.split(r"[\[>=; ]", line)[0] for group in groups.values() for line in group if isinstance(line, str)}
    text = (root / "docs" / "adr" / "0019-dependencies.md").read_text(encoding="utf-8")

    assert [tool for tool in sorted(tools) if f"`{tool}`" not in text] == []


def test_every_test_that_a_promise_names_exists(root):
    text = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    written = {
        name
        for path in (root / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert len(named) > 40
    assert sorted(named - written) == []


def test_every_invariant_names_its_tests(root):
    text = (root / "docs" / "reliability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([A-Z]+-\d+) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    names = [name for name, _, _ in rows]

    assert len(names) > 30
    assert sorted(set(names)) == sorted(names)
    assert [name for name, _, tests in rows if "`test_" not in tests] == []


def test_every_setting_that_a_page_names_exists(root):
    from waypost.settings import Settings
    from waypost.settings_text import CLIENT_NAMES, list_settings

    known = {line.name for line in list_settings(Settings)} | CLIENT_NAMES
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    named = {(page.name, name) for page in pages for name in re.findall(r"WAYPOST_[A-Z0-9_]+", page.read_text("utf-8"))}

    assert sorted(found for found in named if found[1].rstrip("_") not in known) == []


def pages(root):
    return [*root.glob("*.md"), *(root / "docs").rglob("*.md")]


def test_every_command_that_a_page_names_exists(root):
    import typer

    from waypost.cli import build_app

    top = typer.main.get_command(build_app())
    named = {
        (page.name, line.strip())
        for page in pages(root)
        for line in re.findall(r"(?:^ *|`|do )(waypost [a-z][^`\n;|>#<]*)", page.read_text("utf-8"), re.MULTILINE)
    }
    unknown = []
    for page, line in sorted(named):
        command = top
        words = line.split()[1:]
        while words and hasattr(command, "commands") and not words[0].startswith("-"):
            command = command.commands.get(words.pop(0))
            if command is None:
                break
        known = {"--help"} | {option for parameter in getattr(command, "params", []) for option in parameter.opts}
        if command is None or {word for word in words if word.startswith("--")} - known:
            unknown.append((page, line))

    assert len(named) > 15
    assert unknown == []


def test_every_call_of_the_manage_api_that_a_page_names_exists(root):
    from types import SimpleNamespace

    from waypost.web.manage import build_manage_app

    paths = build_manage_app(SimpleNamespace()).openapi()["paths"]
    known = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    named = {
        (page.name, (method, path))
        for page in pages(root)
        for method, path in re.findall(r"(GET|POST|PATCH|DELETE) (/manage/v1/[^\s`?]+)", page.read_text("utf-8"))
    }

    assert named
    assert sorted(found for found in named if found[1] not in known) == []


def test_every_metric_that_a_page_names_exists(root):
    known = set(re.findall(r"^\| `(waypost_[a-z_]+)`", (root / "docs" / "metrics.md").read_text("utf-8"), re.MULTILINE))
    named = {
        (page.name, name)
        for page in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
        for name in re.findall(r"`(waypost_[a-z_]+)(?:\{[^`]*)?`", page.read_text("utf-8"))
    }

    assert sorted(found for found in named if found[1] not in known | {"waypost_build_info"}) == []


def test_every_constant_is_of_use_to_somebody(root):
    texts = [path.read_text(encoding="utf-8") for part in ("src", "tests") for path in (root / part).rglob("*.py")]
    uses = collections.Counter(word for text in texts for word in re.findall(r"\w+", text))
    left_over = []
    for path in (root / "src" / "waypost").rglob("*.py"):
        # The tables are declared for the schema, whether a statement names them or not; errors are read as a whole.
        if "migrations" in path.parts or path.name == "tables.py" or path.parts[-2:] == ("contract", "errors.py"):
            continue
        for statement in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(statement, ast.AnnAssign | ast.Assign):
                targets = [statement.target] if isinstance(statement, ast.AnnAssign) else statement.targets
                names = [target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()]
                left_over += [name for name in names if uses[name] < 2]

    assert [] == left_over


def test_a_source_becomes_the_providers_in_one_place(root):
    makers = [
        path.relative_to(root).as_posix()
        for path in (root / "src" / "waypost").rglob("*.py")
        if "ProviderSource(\n" in path.read_text(encoding="utf-8")
    ]

    assert ["src/waypost/store/directory.py"] == makers


def test_whatever_runs_until_it_is_asked_to_stop_names_that_alike_and_has_no_empty_ends(root):
    other_names, empty_ends = [], []
    for path in (root / "src" / "waypost").rglob("*.py"):
        for holder in (
            one for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(one, ast.ClassDef)
        ):
            is_protocol = any(isinstance(base, ast.Name) and base.id == "Protocol" for base in holder.bases)
            for method in (one for one in holder.body if isinstance(one, ast.AsyncFunctionDef)):
                names = [argument.arg for argument in method.args.args]
                if method.name == "run" and any(
                    "Event" in ast.unparse(one.annotation or one) for one in method.args.args
                ):
                    other_names += [f"{path.name} {holder.name}"] if names != ["self", "stopping"] else []
                if method.name in {"start", "stop"} and not is_protocol:
                    says_only = len(method.body) == 1 and isinstance(method.body[0], ast.Expr | ast.Pass)
                    does_nothing = says_only and not isinstance(getattr(method.body[0], "value", None), ast.Await)
                    empty_ends += [f"{path.name} {holder.name}.{method.name}"] if does_nothing else []

    assert ([], []) == (other_names, empty_ends)
