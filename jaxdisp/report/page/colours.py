"""Colours of figures on light and on dark paper, with contrast enough to be read."""

import colorsys

LIGHT, DARK = "#ffffff", "#14181c"
"""Paper of the page in each scheme."""
TEXT, MARK = 4.6, 4.5
"""Least contrast of letters, and of marks on dark paper."""
STEPS = 100
GREYISH = 0.12
"""Saturation up to which a colour is taken for grey."""


def luminance(colour: str) -> float:
    """Returns the relative luminance of a colour.

    Definition: `0.2126 R + 0.7152 G + 0.0722 B` of linear sRGB.

    Args:
        colour: such as `#2b6a99`.

    Reference: WCAG 2.2, "relative luminance".
    """
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Returns the contrast of two colours, 1 to 21.

    Definition: `(L1 + 0.05) / (L2 + 0.05)`, with `L1` the larger luminance.

    Args:
        one: a colour, such as `#2b6a99`.
        other: another.

    Reference: WCAG 2.2, "contrast ratio".
    """
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def legible(colour: str, paper: str, least: float) -> str:
    """Moves a colour away from the paper until its contrast suffices; hue stays.

    Args:
        colour: such as `#2b6a99`.
        paper: what it is seen on.
        least: contrast.

    Reference: our own definition.
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    end = 1.0 if luminance(paper) < 0.18 else 0.0
    for step in range(STEPS + 1):
        moved = lightness + (end - lightness) * step / STEPS
        found = _written(colorsys.hls_to_rgb(hue, moved, saturation))
        if contrast(found, paper) >= least:
            return found
    return _written((end, end, end))


def on_dark(colour: str, *, letters: bool) -> str:
    """Returns what stands on dark paper for a colour chosen for white.

    Definition: light greys, which recede on white, recede on dark, too: their lightness
    is mirrored; any other colour is moved to the contrast that it needs.

    Args:
        colour: such as `#2b6a99`.
        letters: whether text has it.

    Reference: our own definition.
    """
    if letters:
        return legible(colour, DARK, TEXT)
    _, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    if saturation <= GREYISH and lightness > 0.6:
        level = 0.09 + 0.62 * (1 - lightness)
        return _written((level, level, level))
    return legible(colour, DARK, MARK)


def on_light(colour: str, *, letters: bool) -> str:
    """Returns a colour as it is; that of letters dark enough to be read.

    Args:
        colour: such as `#2b6a99`.
        letters: whether text has it.

    Reference: our own definition.
    """
    return legible(colour, LIGHT, TEXT) if letters else colour


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    return red, green, blue


def _written(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
