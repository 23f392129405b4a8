"""Planting a bug in a theorem's code, to see its check fail."""

import importlib.util
import pathlib
import sys

import jax

INSTANCES = 64


def violations(module_name, old, new, theorem_id, n=INSTANCES):
    """How many instances contradict the theorem once `old` is replaced by `new`.

    The module is executed anew from the altered source, so that nothing is left of it.
    Its theorem is the one of that id among its values (or in its tuple THEOREMS).
    """
    spec = importlib.util.find_spec(module_name)
    source = pathlib.Path(spec.origin).read_text(encoding="utf-8")
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in the source"
    name = f"altered_{theorem_id.replace('.', '_')}"
    altered = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(name, loader=None, origin=spec.origin)
    )
    sys.modules[name] = altered
    try:
        code = compile(source.replace(old, new), spec.origin, "exec")
        exec(code, vars(altered))
        (theorem,) = (each for each in altered.THEOREMS if each.id == theorem_id)
        return theorem.check(jax.random.key(0), n).violations
    finally:
        del sys.modules[name]
