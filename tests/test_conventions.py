"""House rules that no linter knows; each finds the offender planted below."""

import ast
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parent.parent
MOST_LINES = 400
PRINTING = {"cli.py", "console.py", "options.py"}
VAGUE = {"utils", "common", "base", "types", "helpers"}
REFERENCE = re.compile(r"^\s*Reference: \S", re.MULTILINE)
MACHINE_PATH = re.compile(
    r"(?<![\w.~<>}$/-])/(?:home|root|Users|work|tmp|mnt|opt|private|var|srv)/\w"
)
REGISTRY = re.compile(
    r"https?://[^/\s]*(?:pypi|pythonhosted|npm|conda|debian|ubuntu|registry|mirror"
    r"|artifact|nexus|download\.|localhost|\d+\.\d+\.\d+\.\d+)"
    r"|--(?:extra-)?index[-]url|--find[-]links|--trusted[-]host",
    re.IGNORECASE,
)


def docstrings(path, source):
    """A sentence that ends in a full stop; a `Reference:` line but for commands."""
    command = path.name == "cli.py" or path.parent.name == "commands"
    for function, needs_reference in _public_functions(ast.parse(source)):
        text = ast.get_docstring(function) or ""
        if not text.split("\n\n")[0].endswith("."):
            yield function.lineno, f"{function.name}: no sentence with a full stop"
        elif needs_reference and not command and not REFERENCE.search(text):
            yield function.lineno, f"{function.name}: no line starting with Reference:"


def module_sizes(path, source):
    """Modules stay under 400 lines."""
    lines = len(source.splitlines())
    if lines >= MOST_LINES:
        yield lines, f"{lines} lines, must be under {MOST_LINES}"


def module_names(path, source):
    """Modules and folders are named by a word of the field."""
    for part in (*path.parent.parts, path.stem):
        if part.strip("_") in VAGUE:
            yield 1, f"{part} says nothing; name what is in it"


def printing(path, source):
    """Only commands, console.py and options.py know typer, the only way to print."""
    if path.name in PRINTING or path.parent.name == "commands":
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == "print":
            yield node.lineno, "print outside the command line"
        elif any(name.split(".")[0] == "typer" for name in _imported(node)):
            yield node.lineno, "typer outside the command line"


def inheritance(path, source):
    """No class inherits from another class of the package."""
    tree = ast.parse(source)
    ours = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if any(name.split(".")[0] == "jaxdisp" for name in _imported(node)):
            ours |= {(item.asname or item.name).split(".")[0] for item in node.names}
    for node in ast.walk(tree):
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            if _root(base) in ours:
                yield node.lineno, f"{node.name} inherits from {ast.unparse(base)}"


def randomness(path, source):
    """Nothing uses numpy.random: randomness is a key, passed in."""
    tree = ast.parse(source)
    aliases = {
        item.asname or item.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for item in node.names
        if item.name.split(".")[0] == "numpy"
    }
    for node in ast.walk(tree):
        names = _imported(node)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = ["numpy.random"] * (
                node.attr == "random" and node.value.id in aliases
            )
        if any(f"{name}.".startswith("numpy.random.") for name in names):
            yield node.lineno, "numpy.random; pass a jax.random key"


def hosts(path, source):
    """No path of one machine and no package registry: the file works anywhere."""
    for number, line in enumerate(source.splitlines(), start=1):
        for pattern in (MACHINE_PATH, REGISTRY):
            if found := pattern.search(line):
                yield number, f"{found[0]!r} depends on one machine"


def _public_functions(tree):
    """Functions and methods that others call, and whether they need a reference."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node, True
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name[0] != "_":
                    is_property = "property" in _decorators(method)
                    yield method, not (is_property or "dataclass" in _decorators(node))


def _decorators(node):
    """Last names of the decorators: `dataclass` for `@chex.dataclass(frozen=True)`."""
    calls = (d.func if isinstance(d, ast.Call) else d for d in node.decorator_list)
    return {ast.unparse(call).split(".")[-1] for call in calls}


def _imported(node):
    """Full names of all that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [item.name for item in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{item.name}" for item in node.names]
    return []


def _root(base):
    """The first name in a base class: `a` for `a.b[c]`."""
    while not isinstance(base, ast.Name):
        base = base.func if isinstance(base, ast.Call) else base.value
    return base.id


def _tracked():
    """Text files that are or will be committed; the assets are data."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git and its repository")
    for name in map(pathlib.Path, sorted(set(listed.stdout.decode().split("\0")))):
        if name.is_relative_to("jaxdisp/assets") or not (ROOT / name).is_file():
            continue
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def _modules(*folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT), path.read_text(encoding="utf-8")


def _package():
    return _modules("jaxdisp")


def _package_and_tests():
    return _modules("jaxdisp", "tests")


SCOPES = {
    docstrings: _package,
    module_sizes: _package,
    module_names: _package_and_tests,
    printing: _package,
    inheritance: _package,
    randomness: _package_and_tests,
    hosts: _tracked,
}

KEPT = """
class A:
    @property
    def p(self):
        '''A property.'''

@chex.dataclass(frozen=True)
class B(NamedTuple):
    def q(self):
        '''A dataclass.'''

def f():
    '''Does something: x.

    Reference: our own definition.
    '''
    def inner(): return jax.random.key(0), "numpy.random"

def _private(): pass
"""

# (rule, module, source, what is said); the pieces of a path or host are kept apart,
# since this file is read too
PLANTED = [
    (docstrings, "a.py", "def f(): pass", "1: f: no sentence"),
    (docstrings, "a.py", "\ndef f():\n    '''Does'''", "2: f: no sentence"),
    (docstrings, "a.py", "def f():\n    '''Does.'''", "1: f: no line starting"),
    (docstrings, "a.py", "class A:\n  def f(s): '''F.'''", "2: f: no line starting"),
    (docstrings, "cli.py", "def f(): pass", "1: f: no sentence"),
    (docstrings, "a.py", "@dataclass\nclass A:\n  def f(s): pass", "3: f: no sentence"),
    (module_sizes, "a.py", "\n" * 400, "400: 400 lines"),
    (module_names, "quant/utils.py", "", "1: utils says nothing"),
    (module_names, "base/a.py", "", "1: base says nothing"),
    (module_names, "_types.py", "", "1: _types says nothing"),
    (printing, "a.py", "\nprint(1)", "2: print outside"),
    (printing, "a.py", "def f():\n    from typer import echo", "2: typer outside"),
    (inheritance, "a.py", "class A: pass\nclass B(A): pass", "2: B inherits from A"),
    (
        inheritance,
        "a.py",
        "from jaxdisp.quant import grids as g\nclass B(g.R[int]): pass",
        "2: B inherits from g.R[int]",
    ),
    (randomness, "a.py", "import numpy as np\nnp.random.seed(0)", "2: numpy.random"),
    (randomness, "a.py", "from numpy import random", "1: numpy.random"),
    (randomness, "a.py", "from numpy.random import rand", "1: numpy.random"),
    (randomness, "a.py", "import numpy.random as r", "1: numpy.random"),
    (hosts, "a.md", "\nsee '/" + "home/me/x'", "2: '/"),
    (hosts, "a.md", "http" + "s://pypi.example.org/simple", "1: 'http"),
    (hosts, "a.md", "pip install --index" + "-url x", "1: '--index"),
]


@pytest.mark.parametrize("rule", SCOPES, ids=lambda rule: rule.__name__)
def test_rule_is_kept(rule):
    offenders = [
        f"{path.as_posix()}:{line}: {message}"
        for path, source in SCOPES[rule]()
        for line, message in rule(path, source)
    ]
    assert not offenders, f"{rule.__doc__}\n" + "\n".join(offenders)


@pytest.mark.parametrize(("rule", "name", "source", "expected"), PLANTED)
def test_rule_finds_a_planted_offender(rule, name, source, expected):
    ((line, message),) = rule(pathlib.Path(name), source)
    assert f"{line}: {message}".startswith(expected)


@pytest.mark.parametrize("rule", SCOPES, ids=lambda rule: rule.__name__)
def test_rule_passes_what_is_allowed(rule):
    assert not list(rule(pathlib.Path("quant/grids.py"), KEPT))
