"""The laws of the house: floors, owners, sizes.  Reads source text only; imports nothing of ours."""

import ast
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gateway"
MODULE_LINES = 400
FUNCTION_LINES = 45

# A module may import only from rooms on lower floors, or from its own room.
FLOORS = [
    {
        "errors",
        "logs",
        "metrics",
        "spans",
        "text",
        "threads",
        "tasks",
        "memory",
        "codes",
        "search",
        "ids",
        "rights",
        "genome",
        "bins",
        "plots",
        "rows",
        "indexes",
        "handovers",
        "dataset_state",
        "download_types",
        "config",
        "sorting",
        "bgzf",
        "tabix",
        "codec",
    },  # ground: words and bytes
    {"query", "db", "formats", "spool", "page"},  # rooms that do not know one another
    {"planning"},  # a request as words, and as what is to be delivered
    {"flow"},
    {"fetch"},  # a client of any gateway: knows the ground alone, and is known by the command line alone
    {"web", "loading", "checks"},  # who knows them all; the way in, which knows the ground alone; who looks them over
    {"demo"},
    {"cli", "__main__"},  # doors
]
# Within the ground floor the order is the order written here.
GROUND = [
    "errors",
    "logs",
    "metrics",
    "spans",
    "text",
    "threads",
    "tasks",
    "memory",
    "codes",
    "search",
    "ids",
    "rights",
    "genome",
    "bins",
    "plots",
    "rows",
    "indexes",
    "handovers",
    "dataset_state",
    "download_types",
    "config",
    "sorting",
    "bgzf",
    "tabix",
    "codec",
]
# A third-party library has its owners.
OWNERS = {
    "motor": {"db/motor_driver.py"},
    "pymongo": {
        *(
            f"db/{name}.py"
            for name in ("clients", "driver", "failures", "motor_driver", "pymongo_driver", "receiving", "source")
        ),
        *("loading/writer.py", "demo/store.py", "demo/run.py", "checks/inspector.py"),
    },
    "stamina": {"db/retry.py", "fetch/transfer.py"},
    "aiofiles": {"cli/export_file.py", "spool/disk.py"},
    "aiohttp": {
        *(f"web/{name}.py" for name in ("app", "app_keys", "limits/connections", "server", "workers")),
        *("web/beacon/views.py", "web/proxy/choice.py", "web/proxy/upstream.py"),
        *(
            f"web/endpoints/{name}.py"
            for name in ("assets", "downloads", "exports", "health", "index", "openapi", "tickets")
        ),
        *(
            f"web/endpoints/{name}.py"
            for name in ("asking", "estimate", "places", "questions", "running", "served", "terms")
        ),
        *(
            f"web/messages/{name}.py"
            for name in (
                "about",
                "headers",
                "indexes",
                "links",
                "origins",
                "production",
                "representation",
                "request",
                "transfer",
            )
        ),
        *(
            "web/messages/representation.py",
            "web/drs/objects.py",
            "web/drs/views.py",
            "web/htsget/names.py",
            "web/htsget/views.py",
            "web/protocols.py",
        ),
        *(f"web/operations/{name}.py" for name in ("exposition", "request_log", "traces")),
        *("fetch/server.py", "web/access/access.py", "web/access/fetching.py"),
    },
    "prometheus_client": {"web/operations/exposition.py"},
    "opentelemetry": {"web/operations/traces.py"},
    "joserfc": {"web/access/key_sets.py", "web/access/tokens.py"},
    "ujson": {"codec/_json.py"},
    "numpy": {"bins/counting.py", "bins/coverage.py", "plots/likeness.py"},
    "pyarrow": {"formats/columnar.py"},
    "gunicorn": {"web/workers.py"},
    "isal": {"bgzf.py", "flow/compression.py"},
    "zstandard": {"flow/compression.py"},
    "tqdm": {"loading/importer.py", "fetch/progress.py"},
    "rapidfuzz": {"search.py"},
    "packaging": {"checks/machine.py"},
}
ENVIRONMENT_READERS = {
    *(f"cli/{name}.py" for name in ("command_line", "fetch", "settings")),
    *("demo/run.py", "demo/store.py", "codec/__init__.py"),
    "web/operations/exposition.py",  # which has to write it: Prometheus' library takes its folder from there alone
}
PRINTERS = {
    *(
        f"cli/{name}.py"
        for name in ("check", "command_line", "demo", "export", "import_files", "serve", "token", "write_settings")
    ),
    "demo/store.py",
    "demo/run.py",
}
MODULES = sorted(ROOT.rglob("*.py"))
TESTS = sorted(Path(__file__).parent.rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found += ((a.name, node.lineno) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno} relative import"
            found += ((f"{node.module}.{a.name}", node.lineno) for a in node.names)
    return found


def imported(paths: list[Path]) -> Iterator[tuple[Path, str, int]]:
    for path in paths:
        yield from ((path, target, line) for target, line in imports(path))


ROOMS = {of: list(paths) for of, paths in groupby(sorted(MODULES, key=room), key=room)}
each_room = pytest.mark.parametrize("paths", ROOMS.values(), ids=ROOMS)


def floor(of: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if of in rooms)


@each_room
def test_imports_go_down(paths: list[Path]):
    for path, target, line in imported(paths):
        here = room(path)
        if not target.startswith("gateway.") or name(path) == "__init__.py":
            continue
        there = target.split(".")[1]
        at = f"{name(path)}:{line} imports {target}"
        if there in {here, "__version__"}:
            continue
        if floor(here) == floor(there) == 0:
            assert GROUND.index(there) < GROUND.index(here), at
        else:
            assert floor(there) < floor(here) or (here, there) == ("__main__", "cli"), at
        assert here not in {"loading", "fetch"} or floor(there) == 0, at
        assert there != "fetch" or here == "cli", at


def test_no_circles():
    edges = {}
    for path in MODULES:
        module = "gateway." + name(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        names = {t for t, _ in imports(path) if t.startswith("gateway.")}
        edges[module] = names | {t.rpartition(".")[0] for t in names}

    seen: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail, module])
        if module in seen:
            return
        seen.add(module)
        for following in sorted(edges.get(module, set()) & edges.keys()):
            if following != module and not module.startswith(following + "."):  # a package's __init__ is its door
                visit(following, (*trail, module))

    for module in edges:
        visit(module, ())


@each_room
def test_each_library_has_its_owners(paths: list[Path]):
    for path, target, line in imported(paths):
        library = target.split(".")[0]
        assert library not in OWNERS or name(path) in OWNERS[library], f"{name(path)}:{line} imports {library}"


@each_room
def test_small_and_quiet(paths: list[Path]):
    for path in paths:
        assert len(path.read_text().splitlines()) <= MODULE_LINES, name(path)
        assert ast.get_docstring(parsed(path)), f"{name(path)}: no module docstring"
        for node in ast.walk(parsed(path)):
            _check_node(path, node)


def _check_node(path: Path, node: ast.AST) -> None:
    at = f"{name(path)}:{getattr(node, 'lineno', 0)}"
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        assert node.end_lineno is not None
        assert node.end_lineno - node.lineno < FUNCTION_LINES, f"{at} {node.name} is long"
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"print", "exit"}:
        assert name(path) in PRINTERS, f"{at} prints"
    if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
        assert name(path) in ENVIRONMENT_READERS, f"{at} reads the environment"
    if isinstance(node, ast.ExceptHandler):
        assert node.type is not None, f"{at} bare except"


def test_tests_are_small_too():
    for path in TESTS:
        text = path.read_text()
        assert len(text.splitlines()) <= MODULE_LINES, path
        assert ast.get_docstring(ast.parse(text)), f"{path}: no module docstring"


def test_importing_does_nothing():
    """The package's own `__init__` holds a version and no import."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    assert all(isinstance(node, ast.Expr | ast.Assign) for node in tree.body)
