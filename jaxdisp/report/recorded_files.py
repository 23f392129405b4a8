"""The files of finished runs: drawn again, and replaced all together or not at all."""

import contextlib
import pathlib
from collections.abc import Iterator

import jinja2

from jaxdisp.report import files, runs
from jaxdisp.report.recorded import RESULTS, Recorded


def redrawn(run: Recorded) -> dict[str, bytes]:
    """Writes every table, figure and page of a run from its stored results.

    Args:
        run: as from `open_run`.

    Returns:
        Content by path in the run directory.

    Raises:
        ValueError: if results lack something or hold something of another kind.

    Reference: our own definition.
    """
    with _as_damage(run.directory):
        return files.written(run.found, run.environment)


def replace_all(directory: pathlib.Path, content: dict[str, bytes]) -> None:
    """Writes files into a run directory, all of them or none.

    Definition: all are written beside the old ones first, and moved when that has
    succeeded, so that a full disk changes nothing.

    Args:
        directory: of the run.
        content: by path in the directory.

    Raises:
        OSError: if one cannot be written; nothing has changed then.

    Reference: our own definition.
    """
    fresh = {
        directory / name: directory / f"{name}{runs.PART}" for name in sorted(content)
    }
    try:
        for (path, part), name in zip(fresh.items(), sorted(content), strict=True):
            path.parent.mkdir(exist_ok=True)
            part.write_bytes(content[name])
            if path.is_dir():
                raise IsADirectoryError(f"{path}: is a directory, not a file of a run")
    except OSError:
        for part in fresh.values():
            with contextlib.suppress(OSError):
                part.unlink()
        raise
    for path, part in fresh.items():
        part.rename(path)


@contextlib.contextmanager
def _as_damage(directory: pathlib.Path) -> Iterator[None]:
    """Says of what results lack or hold amiss that they are damaged."""
    try:
        yield
    except KeyError as error:
        raise ValueError(
            f"{directory / RESULTS}: lacks {error}, which reports need; make the run "
            "again"
        ) from error
    except (
        AttributeError,
        IndexError,
        TypeError,
        ValueError,
        jinja2.TemplateError,
    ) as error:
        raise ValueError(
            f"{directory / RESULTS}: is damaged ({error}); copy it again"
        ) from error
