"""docs/reference/python-api.md: everything that `import vidcurate` offers."""

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

from scripts.tools.reference.examples import EXAMPLES
from scripts.tools.reference.markdown import code, fenced, page, table
from vidcurate.analysis import clip_search
from vidcurate.api import calls, choice, clip, dataset, events
from vidcurate.errors import MediaError, UsageError, VidcurateError
from vidcurate.exporting.forecast import checking
from vidcurate.pipeline import counts, recipes
from vidcurate.stages.registry import STAGES

INTRO = """All that the command line does, `import vidcurate` does, in the same words: an option
`--min-clip-s` is the argument `min_clip_s`. Nothing is printed; what a user should know comes as an
event. Errors that a user can act on are subclasses of `VidcurateError`."""
SPAWN = """Runs work in a thread and in a notebook. With the engine `local`, worker processes import
the script that starts them, as Python's `multiprocessing` does: in a script put the call below
`if __name__ == "__main__":`, or choose `engine="inline"`, which works in the calling process. No
signal handler is installed: Ctrl-C raises KeyboardInterrupt, what was finished until then stays,
and the same call goes on from there."""


def python_page() -> str:
    """The page."""
    return page(
        "Python API",
        [INTRO, *example_blocks()],
        ["## Runs", *function_blocks("run", calls), SPAWN, *function_blocks("estimate", calls)],
        [
            "### Options of a run",
            RUN_OPTIONS,
            "### Types of arguments",
            table(("name", "type"), alias_rows()),
        ],
        class_blocks(calls.RunResult, calls, "### "),
        class_blocks(counts.StageCount, counts, "### "),
        ["## Progress", PROGRESS],
        (block for event in EVENTS for block in class_blocks(event, events, "### ")),
        ["## Stages", STAGE_INTRO, table(("function", "what it does"), stage_rows())],
        ["## Data sets", *function_blocks("open", dataset, "open_dataset")],
        class_blocks(dataset.VideoDataset, dataset, "### "),
        class_blocks(clip.DatasetClip, clip, "### "),
        class_blocks(clip.SearchHit, clip, "### "),
        ["## The check of an export", *function_blocks("check_export", calls)],
        class_blocks(checking.Contract, checking, "### "),
        class_blocks(checking.TargetContract, checking, "### "),
        ["## Recipes", *function_blocks("list_recipes", recipes)],
        class_blocks(recipes.Recipe, recipes, "### "),
        ["## Errors", *error_blocks()],
    )


EVENTS = (events.StageBegan, events.StageAdvanced, events.StageEnded, events.Note)
ALIASES = ("PathLike", "Sources", "Config", "OnProgress", "Event", "Image", "Size", "Pooling")
RUN_OPTIONS = """Every function that runs something takes the options of a run as keyword arguments,
such as `workers=2` or `retry_failed=True`: [their list](cli.md#options-of-every-run)."""
PROGRESS = """`on_progress` is called with one of these, by one thread at a time. `Event` is the
union of them."""
ERRORS = """Raised for what a user can act on; `exit_code` is that of the command. More of them are
in `vidcurate.errors`. A video or clip that cannot be read raises nothing during a run: it becomes a
failed row."""
STAGE_INTRO = """Each stage is a function `vidcurate.STAGE(dataset="out", sources=None, *,
config=None, on_progress=None, **options)`, which brings the stage's table up to date and first all
that it reads. It takes the stage's own [options](config.md) and those of a run; options that are
not given stay as they are in the data set. It returns a `RunResult`. `dataset` may be an open data
set too. `help()` shows the options of each."""


def example_blocks() -> Iterator[str]:
    """The examples, which the tests run."""
    for title, text in EXAMPLES:
        yield title
        yield fenced(text, "python")


def alias_rows() -> Iterator[tuple[str, str]]:
    """Names of types that signatures use, and what they stand for."""
    for module in (choice, calls, events, clip, clip_search):
        for node in parsed(module).body:
            name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
            if name in ALIASES and isinstance(node, ast.Assign):
                yield code(name), code(ast.unparse(node.value))


def stage_rows() -> Iterator[tuple[str, str]]:
    """Each stage's function."""
    for stage in STAGES:
        yield f"[`{stage.name}`](config.md#{stage.name})", stage.summary


def error_blocks() -> Iterator[str]:
    """The public errors."""
    yield ERRORS
    rows = [
        (code(error.__name__), inspect.cleandoc(error.__doc__ or "").split("\n")[0])
        for error in (VidcurateError, UsageError, MediaError)
    ]
    yield table(("error", "meaning"), rows)


def function_blocks(name: str, module: ModuleType, defined_as: str = "") -> Iterator[str]:
    """One function with its signature and docstring."""
    node = next(
        n
        for n in parsed(module).body
        if isinstance(n, ast.FunctionDef) and n.name == (defined_as or name)
    )
    yield f"### {name}"
    yield fenced(signature(node, f"vidcurate.{name}"), "py")
    yield documentation(node)


def class_blocks(cls: type, module: ModuleType, heading: str) -> Iterator[str]:
    """One class with its fields, properties and methods."""
    node = next(
        n for n in parsed(module).body if isinstance(n, ast.ClassDef) and n.name == cls.__name__
    )
    yield f"{heading}{cls.__name__}"
    yield documentation(node)
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and is_public(n.target)]
    methods = [
        n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")
    ]
    attributes = [
        *((code(ast.unparse(f.target)), type_text(f.annotation), "") for f in fields),
        *(
            (code(m.name), type_text(m.returns), first_sentence(m))
            for m in methods
            if is_property(m)
        ),
    ]
    if any(what for _, _, what in attributes):
        yield table(("attribute", "type", "what it is"), attributes)
    elif attributes:
        yield table(("attribute", "type"), [row[:2] for row in attributes])
    for method in methods:
        if not is_property(method):
            yield f"#### {cls.__name__}.{method.name}"
            yield fenced(signature(method, method.name), "py")
            yield documentation(method)


def parsed(module: ModuleType) -> ast.Module:
    """A module's source, as the parser reads it."""
    return ast.parse(inspect.getsource(module))


def is_public(target: ast.expr) -> bool:
    """Whether an attribute is for callers."""
    return isinstance(target, ast.Name) and not target.id.startswith("_")


def is_property(node: ast.FunctionDef) -> bool:
    """Whether a method is read like an attribute."""
    names = {ast.unparse(decorator) for decorator in node.decorator_list}
    return bool(names & {"property", "cached_property"})


def signature(node: ast.FunctionDef, name: str) -> str:
    """A function's signature, a line a parameter where it is long."""
    parts = [text for text in parameters(node.args) if text != "self"]
    returns = type_text(node.returns)
    line = f"{name}({', '.join(parts)}) -> {returns}"
    if len(line) <= 88:  # noqa: PLR2004 - fits a page
        return line
    return "\n".join([f"{name}(", *(f"    {part}," for part in parts), f") -> {returns}"])


def parameters(arguments: ast.arguments) -> Iterator[str]:
    """Each parameter as it is written; a bare star before those that need their names."""
    n_needed = len(arguments.args) - len(arguments.defaults)
    for argument, default in zip(
        arguments.args, [None] * n_needed + list(arguments.defaults), strict=True
    ):
        yield parameter(argument, default)
    if arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield parameter(argument, default)
    if arguments.kwarg:
        yield f"**{parameter(arguments.kwarg, None)}"


def parameter(argument: ast.arg, default: ast.expr | None) -> str:
    """One parameter with its type and default."""
    hint = f": {type_text(argument.annotation)}" if argument.annotation else ""
    return argument.arg + hint + (f" = {ast.unparse(default)}" if default else "")


def type_text(node: ast.expr | None) -> str:
    """An annotation as it is written, without quotes around it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return "" if node is None else ast.unparse(node)


def documentation(node: ast.FunctionDef | ast.ClassDef) -> str:
    """A docstring as Markdown."""
    return (ast.get_docstring(node) or "").replace("<", "&lt;")


def first_sentence(node: ast.FunctionDef) -> str:
    """The first paragraph of a docstring."""
    return documentation(node).split("\n\n")[0]
