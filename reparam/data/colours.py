"""A colour for each class, the same in figures and in the explorer."""

import numpy as np

CLASS_COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Ten colours that people with colour-vision deficiencies can tell apart (Petroff 2021)."""


def class_colours(n: int) -> list[str]:
    """One colour a class: the palette, or beyond ten classes evenly spaced hues."""
    if n <= len(CLASS_COLOURS):
        return list(CLASS_COLOURS[:n])
    import matplotlib as mpl  # takes its time, and few need it

    return [mpl.colors.to_hex(c) for c in mpl.colormaps["turbo"](np.linspace(0.05, 0.95, n))]
