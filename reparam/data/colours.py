"""A colour for each class, the same in figures and in the explorer."""

import numpy as np

CLASS_COLOURS = (
    "#6688ff",
    "#ff9922",
    "#007755",
    "#bb3388",
    "#aa4400",
    "#00ccaa",
    "#ff7788",
    "#44bbdd",
    "#6633ff",
    "#998844",
    "#9977bb",
    "#ff4400",
    "#bb4455",
    "#dd88bb",
)
"""Fourteen colours for dots on light and on dark ground, none of them grey. Any two differ by 15 or
more (CIEDE2000), of the first ten by 23; to people without red or green cones by 8 and 12 (as
Machado et al. 2009 compute it). Found by a search that raised the smallest of these differences.
"""


def class_colours(n: int) -> list[str]:
    """One colour a class: the palette, or for more classes evenly spaced hues."""
    if n <= len(CLASS_COLOURS):
        return list(CLASS_COLOURS[:n])
    import matplotlib as mpl  # takes its time, and few need it

    return [mpl.colors.to_hex(c) for c in mpl.colormaps["turbo"](np.linspace(0.1, 0.9, n))]
