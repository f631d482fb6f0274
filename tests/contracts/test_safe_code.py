"""What the package never does, proved on its syntax: run text, unpickle, use a shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGE = sorted((ROOT / "vidcurate").rglob("*.py"))
MODULES = frozenset({"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"})
CALLS = frozenset(
    {
        *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
        *("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"),
        *("subprocess.getoutput", "subprocess.getstatusoutput", "pandas.read_pickle"),
    }
)
CHECKED = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
SHELLS = frozenset({"shell", "trust_remote_code"})


def faults(source: str) -> Iterator[str]:
    """What a module does that it must not."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call):
            yield from call_faults(node)
            continue
        else:
            continue
        yield from (f"imports {n}" for n in names if n.split(".")[0] in MODULES or n in CALLS)


def call_faults(call: ast.Call) -> Iterator[str]:
    """What a call does that it must not."""
    name = ast.unparse(call.func)
    given = {k.arg: getattr(k.value, "value", None) for k in call.keywords}
    if name in CALLS:
        yield f"calls {name}"
    if name in CHECKED:
        option, value = CHECKED[name]
        if given.get(option, None if name == "torch.load" else value) is not value:
            yield f"calls {name} without {option}={value}"
    for option in SHELLS & given.keys():
        [chosen] = [k.value for k in call.keywords if k.arg == option]
        # Code of a model runs where the user's own option of that name asks for it.
        is_asked = option == "trust_remote_code" and ast.unparse(chosen).endswith(f".{option}")
        if given[option] is not False and not is_asked:
            yield f"calls {name} with {option}"


@pytest.mark.parametrize("file", PACKAGE, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_runs_text_or_unpickles(file: Path) -> None:
    """No eval, exec, shell, pickle, yaml.load, nor torch.load of more than weights."""
    assert list(faults(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "import pickle",
        "from pickle import loads",
        "from os import system",
        "import subprocess\nsubprocess.run('x', shell=True)",
        "subprocess.run('x', shell=flag)",
        "yaml.load(text)",
        "torch.load(file)",
        "torch.load(file, weights_only=False)",
        "np.load(file, allow_pickle=True)",
        "from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_each_of_these_would_be_found(line: str) -> None:
    """The proof above can fail."""
    assert list(faults(line))


def test_what_is_safe_passes() -> None:
    """Safe loading, commands as lists and compiled patterns are no faults."""
    safe = "yaml.safe_load(t)\ntorch.load(f, weights_only=True)\nsubprocess.run([x])\nre.compile(p)"
    assert list(faults(safe)) == []
