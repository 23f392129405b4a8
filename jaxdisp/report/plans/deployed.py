"""Checkpoints that a plan makes: rounded weights as floats, for any toolkit to load."""

import dataclasses
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable
from typing import Any

import yaml

from jaxdisp.models import checkpoint, headers
from jaxdisp.models.model import Model, find
from jaxdisp.report import card, runs
from jaxdisp.report.plans import plan as plans
from jaxdisp.report.plans import rewritten

CARD = "README.md"
LEFT_OUT = ("config.json", plans.FILE, "*.index.json", "adapter_*.json")
COPIED = ("*.json", "*.jinja", "*.model", "*.txt", "*.tiktoken", "LICENSE*", "NOTICE*")
"""Files of a source that are copied: the vocabulary and what belongs to it."""
FOLDERS = ("additional_chat_templates",)
LICENCE = ("license", "license_name", "license_link")
"""What the card of a source says that its copy says, too."""
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
STORED = """\
## Files

Weights are stored in {dtype}: those that are rounded are levels of their grid, written
as floats, so that any toolkit loads them and computes with the rounded numbers. The
files are therefore no smaller. `plan.json` says which layers are rounded and how;
`jaxdisp plan export` writes it as the recipe of a toolkit that packs weights.
"""
Advance = Callable[[int], object]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A checkpoint to write again: its directory and the model but for its weights."""

    directory: pathlib.Path
    model: Model


def source_of(described: Model, source: str | None, revision: str | None) -> Source:
    """Finds the files of a model.

    Args:
        described: the model, as from `model.describe`.
        source: a directory or a hub id; None is the embedded model.
        revision: branch, tag or commit of a hub id.

    Raises:
        ValueError: if it cannot be found.

    Reference: our own definition.
    """
    return Source(directory=find(source, revision)[0], model=described)


def check(source: Source, directory: pathlib.Path, *, overwrite: bool) -> None:
    """Checks that a directory can be written, before anything is.

    Args:
        source: what will be written again.
        directory: where.
        overwrite: whether a checkpoint that a plan made may be replaced.

    Raises:
        ValueError: if it holds something else, or may not be replaced, or is the source
            itself.

    Reference: our own definition.
    """
    if directory.resolve() == source.directory.resolve():
        raise ValueError(
            f"{directory}: is the model that is read; choose another --out"
        )
    if not directory.exists() and not directory.is_symlink():
        _check_above(directory)
        return
    if not directory.is_dir() or directory.is_symlink():
        raise ValueError(f"{directory}: exists and is no directory; choose another")
    if not any(directory.iterdir()):
        return
    if not _is_ours(directory):
        raise ValueError(
            f"{directory}: exists and was not written by jaxdisp quantize; choose "
            "another --out"
        )
    if not overwrite:
        raise ValueError(
            f"{directory}: holds a model already; choose another --out, or pass "
            "--overwrite"
        )


def _check_above(directory: pathlib.Path) -> None:
    there = next(each for each in directory.absolute().parents if each.exists())
    if not there.is_dir():
        raise ValueError(f"{there}: is a file; choose another --out than {directory}")


def _is_ours(directory: pathlib.Path) -> bool:
    try:
        plans.read(directory / plans.FILE)
    except ValueError:
        return False
    return (directory / "config.json").is_file()


def write(
    plan: plans.Plan,
    source: Source,
    directory: pathlib.Path,
    dtype: str = "float32",
    advance: Advance = int,
) -> None:
    """Writes the checkpoint that a plan makes of a model.

    Definition: every parameter as `dequantized.quantizer_of` says, in the type given; a
    second copy of tied weights is left out, and what is no parameter is as it was.
    Everything is written to a directory beside the wanted one, which it then replaces.

    Args:
        plan: for the model of the source.
        source: what is written again.
        directory: where; `check` says whether it may be replaced.
        dtype: of the weights.
        advance: called with the number of tensors written since the last call.

    Raises:
        ValueError: if a value overflows the type, or is not finite.
        OSError: if something cannot be written, as when the disk is full; nothing is
            left then, and what was in the directory is as it was.

    Reference: our own definition.
    """
    files = rewritten.open_source(plan, source.model, source.directory, dtype)
    made = [each for each in directory.absolute().parents if not each.exists()]
    fresh = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        name = f".{directory.name}."
        fresh = pathlib.Path(tempfile.mkdtemp(prefix=name, dir=directory.parent))
        fresh.chmod(0o755)  # as any directory, where mkdtemp lets in its owner alone
        _fill(files, source, fresh, advance)
        _take_place(fresh, directory)
    except BaseException:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
        for each in made:
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()
        raise


def _take_place(fresh: pathlib.Path, directory: pathlib.Path) -> None:
    """Puts a whole directory where it belongs; what was there goes last."""
    if not directory.exists():
        fresh.rename(directory)
        return
    old = pathlib.Path(tempfile.mkdtemp(prefix=fresh.name, dir=directory.parent))
    directory.rename(old / directory.name)
    try:
        fresh.rename(directory)
    except BaseException:
        (old / directory.name).rename(directory)
        old.rmdir()
        raise
    shutil.rmtree(old, ignore_errors=True)


def _fill(
    how: rewritten.Rewritten, source: Source, fresh: pathlib.Path, advance: Advance
) -> None:
    files = checkpoint.weight_files(source.directory)
    sizes: dict[str, tuple[str, int]] = {}
    for path in files:
        written = rewritten.write_file(how, path, fresh / path.name, advance)
        sizes |= {name: (path.name, size) for name, size in written.items()}
    if [path.name for path in files] != [checkpoint.SINGLE]:
        index = {
            "metadata": {"total_size": sum(size for _, size in sizes.values())},
            "weight_map": {name: file for name, (file, _) in sorted(sizes.items())},
        }
        runs.write_json(fresh / checkpoint.INDEX, index)
    _copy_others(source.directory, fresh)
    entries = checkpoint.read_json(source.directory / "config.json")
    keys = [key for key in ("dtype", "torch_dtype") if key in entries] or ["dtype"]
    runs.write_json(fresh / "config.json", entries | dict.fromkeys(keys, how.dtype))
    content = runs.rounded(plans.content(how.plan))
    (fresh / plans.FILE).write_bytes(plans.encoded(content))
    text = _card(content, source, how.dtype)
    (fresh / CARD).write_text(text, encoding="utf-8")


def count_tensors(source: Source) -> int:
    """Counts the tensors in the files of a source, for a progress bar.

    Args:
        source: what is written again.

    Raises:
        ValueError: if a file is damaged.

    Reference: our own definition.
    """
    files = checkpoint.weight_files(source.directory)
    return len(headers.read_headers(files, source.model.architecture.prefix))


def _copy_others(directory: pathlib.Path, fresh: pathlib.Path) -> None:
    """Copies what belongs to the vocabulary; a hub's files are links, followed here."""
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            if path.name in FOLDERS:
                shutil.copytree(path, fresh / path.name)
        elif any(path.match(pattern) for pattern in COPIED) and not any(
            path.match(pattern) for pattern in LEFT_OUT
        ):
            shutil.copyfile(path, fresh / path.name)


def _card(content: dict[str, Any], source: Source, dtype: str) -> str:
    """The model card: what `card.of_plan` says, where it comes from, what is stored."""
    _, front, text = card.of_plan(content).split("---\n", 2)
    entries = yaml.safe_load(front) | _inherited(source.directory)
    named = content["model"]["source"]
    if (
        named is not None
        and HUB_ID.fullmatch(named)
        and not pathlib.Path(named).exists()
    ):
        entries |= {"base_model": named, "base_model_relation": "quantized"}
    entries["library_name"] = "transformers"
    data = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
    return f"---\n{data}---\n{text.rstrip()}\n\n{STORED.format(dtype=dtype)}"


def _inherited(directory: pathlib.Path) -> dict[str, Any]:
    """What the card of a source says of its licence; nothing if it cannot be read."""
    try:
        text = (directory / CARD).read_text(encoding="utf-8")
        front = yaml.safe_load(text.split("---\n", 2)[1])
    except (OSError, ValueError, IndexError, yaml.YAMLError):
        return {}
    if not isinstance(front, dict):
        return {}
    return {name: front[name] for name in LICENCE if name in front}
