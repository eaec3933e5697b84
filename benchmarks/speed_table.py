"""What the rounds of speed.py come to: medians, ratios within a round, shares of the machine."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cost import step_cost
from machine import Rates
from results import spread

from reparam.model import (
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    ModelConfig,
)

OWN = "own"
TITLES = {
    OWN: "reparam",
    "keras_fit": "the article's Keras code, fit",
    "eager": "plain PyTorch",
    "lightning_trainer": "Lightning's Trainer",
    "pythae_trainer": "pythae's trainer",
}
CONFIGURATIONS = {
    "without batch norm and dropout": ModelConfig(),
    "with batch norm and dropout 0.25": ModelConfig(
        encoder=ConvolutionalEncoderOptions(batch_norm=True, dropout=0.25),
        decoder=ConvolutionalDecoderOptions(batch_norm=True, dropout=0.25),
    ),
}
IMAGE_SHAPE = (28, 28, 1)
NOT_NATIVE = "not native"
MEGA, GIGA = 1e6, 1e9


@dataclass(frozen=True)
class Sample:
    """One peer, one batch size, one round."""

    peer: str
    configuration: str
    batch: int
    round: int
    images_per_second: float
    peak_bytes: int
    rates: Rates
    """The machine's own, around it."""


@dataclass(frozen=True)
class Measured:
    """All rounds; ``rates``: the machine's own, each time that they were measured."""

    samples: Sequence[Sample]
    rates: Sequence[Rates]

    def of(self, configuration: str, peer: str, batch: int) -> list[Sample]:
        """By round."""
        wanted = (configuration, peer, batch)
        found = [s for s in self.samples if (s.configuration, s.peer, s.batch) == wanted]
        return sorted(found, key=lambda s: s.round)

    def batches(self, configuration: str, peer: str) -> list[int]:
        return sorted(
            {s.batch for s in self.samples if (s.configuration, s.peer) == (configuration, peer)}
        )

    def best_batch(self, configuration: str, peer: str) -> int:
        """Of the highest median."""
        return max(
            self.batches(configuration, peer),
            key=lambda batch: statistics.median(
                s.images_per_second for s in self.of(configuration, peer, batch)
            ),
        )


def tables(measured: Measured, absent: dict[str, str]) -> str:
    """Both configurations; ``absent`` names the package that each peer left out is missing."""
    parts = [_rates(measured.rates)]
    for configuration in CONFIGURATIONS:
        parts.append(_one(measured, configuration, absent))
    return "\n\n".join(parts)


def _one(measured: Measured, configuration: str, absent: dict[str, str]) -> str:
    peers = [peer for peer in TITLES if measured.batches(configuration, peer)]
    best = {peer: measured.best_batch(configuration, peer) for peer in peers}
    lines = [f"### The article's VAE {configuration}", ""]
    lines += [_cost(measured, configuration, best.get(OWN, 1)), ""]
    lines += ["Each at its best batch:", ""]
    lines += _header("reparam is … times as fast")
    for peer in peers:
        lines.append(_row(measured, configuration, peer, best[peer], best.get(OWN)))
    lines += [f"| {TITLES[peer]} | absent: no {package} |" for peer, package in absent.items()]
    lines += ["", "At equal batches:", ""]
    lines += _header("reparam is … times as fast, same batch")
    for batch in sorted({b for peer in peers for b in measured.batches(configuration, peer)}):
        for peer in peers:
            if batch in measured.batches(configuration, peer):
                own = batch if batch in measured.batches(configuration, OWN) else None
                lines.append(_row(measured, configuration, peer, batch, own))
    return "\n".join(lines)


def _header(ratio: str) -> list[str]:
    names = [
        "",
        "batch",
        "images/s",
        ratio,
        "% of the bfloat16 rate",
        "% of the float32 rate",
        "peak memory, MB",
    ]
    return [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]


def _row(
    measured: Measured, configuration: str, peer: str, batch: int, own_batch: int | None
) -> str:
    """``own_batch``: reparam's batch that this one is compared with; None where it did not run."""
    samples = measured.of(configuration, peer, batch)
    speeds = [s.images_per_second for s in samples]
    ratio = "–"
    if own_batch is not None and peer != OWN:
        own = {s.round: s.images_per_second for s in measured.of(configuration, OWN, own_batch)}
        ratio = spread([own[s.round] / s.images_per_second for s in samples], 2)
    cells = [
        TITLES[peer],
        str(batch),
        spread(speeds, 0),
        ratio,
        _share(configuration, samples, lambda rates: rates.bfloat16),
        _share(configuration, samples, lambda rates: rates.float32),
        f"{statistics.median(s.peak_bytes for s in samples) / MEGA:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _share(
    configuration: str, samples: Sequence[Sample], rate: Callable[[Rates], float | None]
) -> str:
    """Operations a second in per cent of the machine's rate around each training."""
    rates = _native([rate(s.rates) for s in samples])
    if rates is None:
        return NOT_NATIVE
    operations = step_cost(CONFIGURATIONS[configuration], IMAGE_SHAPE).operations
    return spread(
        [100 * s.images_per_second * operations / r for s, r in zip(samples, rates, strict=True)],
        0,
    )


def _native(rates: Sequence[float | None]) -> list[float] | None:
    """All of the rates, or None where one was not native."""
    there = [rate for rate in rates if rate is not None]
    return there if len(there) == len(rates) else None


def _cost(measured: Measured, configuration: str, batch: int) -> str:
    """What a step asks for, and the images a second that each floor alone would allow."""
    config = CONFIGURATIONS[configuration]
    cost = step_cost(config, IMAGE_SHAPE, batch, value_bytes=2)
    wide = step_cost(config, IMAGE_SHAPE, batch)
    operations, moved = cost.operations / batch, cost.bytes / batch
    bfloat16 = _native([rates.bfloat16 for rates in measured.rates])
    allowed = (
        f"At the machine's rates the operations alone would allow "
        f"{statistics.median(bfloat16) / operations:.0f} images/s in bfloat16, the bytes alone"
        if bfloat16
        else "At the machine's rate the bytes alone would allow, in bfloat16,"
    )
    copy = statistics.median(rates.copy for rates in measured.rates)
    return (
        f"A step costs {operations / MEGA:.1f} MFLOP an image and, at batch {batch}, moves "
        f"{moved / MEGA:.2f} MB an image in bfloat16, {wide.bytes / batch / MEGA:.2f} MB in "
        f"float32. {allowed} {copy / moved:.0f} images/s where none of them stays in a cache."
    )


def _rates(rates: Sequence[Rates]) -> str:
    bfloat16 = _native([r.bfloat16 for r in rates])
    shown = f"{spread([r / GIGA for r in bfloat16], 0)} GFLOP/s" if bfloat16 else NOT_NATIVE
    return (
        "The machine's own rates, before and after each training: matrix product bfloat16 "
        f"{shown}, float32 {spread([r.float32 / GIGA for r in rates], 0)} GFLOP/s; copy "
        f"{spread([r.copy / GIGA for r in rates], 1)} GB/s, read and written."
    )
