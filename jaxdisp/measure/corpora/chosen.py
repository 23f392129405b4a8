"""Which languages of a collection are read."""

from collections.abc import Mapping, Sequence

from jaxdisp.measure.corpora import codes


def choose(
    languages: Sequence[str] | None, known: Mapping[str, str], place: str
) -> tuple[str, ...]:
    """Finds the collection's own names of the languages asked for.

    Args:
        languages: any codes of languages, in the wanted order; None is all.
        known: codes of the collection's languages by its own names.
        place: where they are, for messages.

    Raises:
        ValueError: if a language is not there, could be several, or is named twice.

    Reference: our own definition.
    """
    if languages is None:
        return tuple(known)
    if not languages:
        raise ValueError(f"languages: none named; {codes.nearest((), known)}")
    found = {name: codes.fitting(name, known) for name in languages}
    missing = [name for name, fits in found.items() if not fits]
    if missing:
        near = codes.nearest(missing, known)
        raise ValueError(f"{place}: no text in {', '.join(missing)}; {near}")
    for name, fits in found.items():
        if len(fits) > 1:
            raise ValueError(
                f"{place}: {name} may be {', '.join(fits)}; name the one you mean"
            )
    names = tuple(found[name][0] for name in languages)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        asked = [
            given
            for given, name in zip(languages, names, strict=True)
            if name in repeated and given != name
        ]
        also = f" (as {', '.join(asked)} too)" if asked else ""
        raise ValueError(
            f"languages: {', '.join(repeated)} is named more than once{also}"
        )
    return names
