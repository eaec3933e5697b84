"""One page with the verdicts on new pictures, the most anomalous first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from reparam.data import to_picture
from reparam.evaluation import Calibration, Detected
from reparam.report.environment import environment
from reparam.report.pictures import Picture, data_uri
from reparam.types import Language, PixelArray

SHOWN = 200
"""Pictures on the page at most, the most anomalous of all; verdicts.csv has all."""


@dataclass(frozen=True)
class Shown:
    """A picture as the page has it."""

    name: str
    picture: Picture
    score: float = np.nan
    p: float = np.nan
    anomalous: bool = False
    map: Picture | None = None


def anomaly_page(
    names: Sequence[str],
    images: PixelArray,
    found: Detected,
    calibration: Calibration,
    *,
    false_alarms: float,
    command: str,
    lang: Language = "en",
    maps: UInt8[np.ndarray, "N H W 3"] | None = None,
) -> str:
    """The page as HTML. ``names`` and ``images`` (N) are the pictures', ``maps`` (N, H, W, 3) where
    each differs, drawn over it.
    """
    anomalous = found.anomalous(false_alarms)
    rows = [
        Shown(
            names[i],
            _picture(images[i]),
            float(found.score[i]),
            float(found.p[i]),
            bool(anomalous[i]),
            None if maps is None else _picture(maps[i]),
        )
        for i in found.order()[:SHOWN]
    ]
    unusual = {*(calibration.trimmed or calibration.far_out)}
    worst = [
        Shown(name, _picture(image), anomalous=name in unusual)
        for name, image in zip(calibration.worst, calibration.worst_images, strict=True)
    ]
    planted = calibration.choice.image
    return (
        environment(lang)
        .get_template(f"anomalies.{lang}.html.j2")
        .render(
            lang=lang,
            rows=rows,
            worst=worst,
            count=len(names),
            anomalous=int(anomalous.sum()),
            false_alarms=false_alarms,
            most=calibration.most_false_alarms(false_alarms),
            calibration=calibration,
            means={name: float(np.mean(list(k.values()))) for name, k in planted.items()},
            command=command,
        )
    )


def _picture(pixels: np.ndarray) -> Picture:
    picture = to_picture(pixels)
    return Picture(data_uri(picture), *picture.size)
