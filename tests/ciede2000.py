"""How different two colours look: CIEDE2000 (Sharma, Wu & Dalal 2005), computed from sRGB."""

import numpy as np
from jaxtyping import Float

TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
WHITE = np.array([0.95047, 1, 1.08883])  # D65

Colours = Float[np.ndarray, "... 3"]


def of_hex(colour: str) -> Colours:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)


def linear(rgb: Colours) -> Colours:
    """Bytes of sRGB to linear light in [0, 1]."""
    c = rgb / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light: Colours) -> Colours:
    xyz = light @ TO_XYZ.T / WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(one: Colours, other: Colours) -> Float[np.ndarray, "..."]:
    """ΔE2000 of colours in CIELAB; the formulas by their numbers in the paper."""
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2  # 2, 3
    g = 0.5 * (1 - np.sqrt(mean**7 / (mean**7 + 25.0**7)))  # 4
    a1, a2 = a1 * (1 + g), a2 * (1 + g)  # 5
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)  # 6
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360  # 7
    turn = (h2 - h1 + 180) % 360 - 180  # 10
    hue = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))  # 11
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2  # 12, 13
    h = h1 + turn / 2  # 14
    t = 1 - 0.17 * cos(h - 30) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6) - 0.2 * cos(4 * h - 63)
    rotation = (
        -2
        * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
        * np.sin(np.radians(60 * np.exp(-((((h % 360) - 275) / 25) ** 2))))
    )  # 16, 17, 21
    off = (lightness - 50) ** 2
    parts = (
        (l2 - l1) / (1 + 0.015 * off / np.sqrt(20 + off)),  # 8, 18
        (c2 - c1) / (1 + 0.045 * chroma),  # 9, 19
        hue / (1 + 0.015 * chroma * t),  # 20
    )
    squares = sum(part**2 for part in parts)
    return np.sqrt(squares + rotation * parts[1] * parts[2])  # 22


def cos(degrees: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.cos(np.radians(degrees))
