"""Which arithmetic a model trains in, and whose kernels compute it: the fastest that is possible.

Which one that is differs between processors and between models, so those that are possible are
timed on the model at hand. What was found is kept: a run resumes in the arithmetic that it began
in, and equal models of one machine train in the same.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import platformdirs
import torch

from reparam._version import __version__
from reparam.data import Batch
from reparam.errors import ConfigError, DiskFullError, RunError
from reparam.model import (
    Autoencoder,
    Noise,
    build_autoencoder,
    has_native,
    unavailable_because,
    use_native,
)
from reparam.objective import FULL, Loss, Losses, LossFunction, Phase
from reparam.runs import (
    ARITHMETIC,
    Run,
    RunConfig,
    TrainingConfig,
    read_mapping,
    to_mapping,
    write_mapping,
)
from reparam.training.device import fast_bfloat16, processor_name
from reparam.training.team import Team

SECONDS = (0.25, 1.0)
"""About as long each candidate is timed: the least, and the most for a long training."""

SHARE = 0.002
"""Of a training's time, that timing a candidate may take."""

ROUNDS = 3
"""At least so many steps of each candidate are timed."""

CLEARLY = 0.97
"""A candidate is taken before one that is listed earlier where it takes less than this share of its
time.
"""

SHORT = 10_000
"""A run that is shown fewer images is not worth measuring for: it takes the first candidate."""

BUSY = 1.5
"""Processes that want a processor, for each processor, above which a measurement is not kept."""

KEY = "machine and model"
"""In the files: of what their choice is."""

Precision = Literal["bf16-mixed", "32-true"]
Kernels = Literal["native", "pytorch"]


@dataclass(frozen=True)
class Arithmetic:
    """bfloat16 (autocast: convolutions and matrix products, with float32 weights) or float32."""

    precision: Precision = "32-true"
    kernels: Kernels = "pytorch"
    reason: str = ""
    """Why this one, in words."""

    def __str__(self) -> str:
        name = "bfloat16" if self.in_bfloat16 else "float32"
        return f"{name}, {'own' if self.kernels == 'native' else 'PyTorch'} kernels"

    @property
    def in_bfloat16(self) -> bool:
        return self.precision == "bf16-mixed"

    def prepare(self, model: Autoencoder) -> None:
        """Lets the model's layers be computed by these kernels."""
        if self.kernels == "native":
            use_native(model, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return torch.bfloat16 if self.in_bfloat16 else torch.float32

    def same_as(self, other: "Arithmetic") -> bool:
        """Whatever the reasons."""
        return (self.precision, self.kernels) == (other.precision, other.kernels)

    def of(self, loss: LossFunction) -> LossFunction:
        """The loss computed so; losses and terms themselves are float32."""
        if not self.in_bfloat16:
            return loss

        def computed(batch: Batch, phase: Phase, noise: Noise) -> Losses:
            with torch.autocast(batch.images.device.type, torch.bfloat16):
                found = loss(batch, phase, noise)
            terms = {name: values.float() for name, values in found.terms.items()}
            return replace(found, objective=found.objective.float(), terms=terms)

        return computed


FLOAT32 = Arithmetic()
BFLOAT16 = Arithmetic("bf16-mixed")
NATIVE = Arithmetic("bf16-mixed", "native")
NATIVE_FLOAT32 = Arithmetic("32-true", "native")

Shape = tuple[int, int, int]
Timer = Callable[[RunConfig, Shape, Sequence[Arithmetic], int], list[float]]


def candidates(config: TrainingConfig, device: str) -> list[Arithmetic]:
    """Those that the options leave and that this machine is good at, the usual one first.

    Raises ConfigError where ``kernels`` native cannot be.
    """
    fast = config.precision == "auto" and fast_bfloat16(device)
    in_bfloat16 = config.precision == "bfloat16" or fast
    # On a GPU, which has units for bfloat16, there is nothing to find out.
    in_float32 = config.precision != "bfloat16" and not (fast and device != "cpu")
    found: list[Arithmetic] = []
    why_not = "they are for a CPU"
    for wanted, own, usual in (
        (in_bfloat16, NATIVE, BFLOAT16),
        (in_float32, NATIVE_FLOAT32, FLOAT32),
    ):
        if not wanted:
            continue
        # Where there are own kernels for bfloat16, those for float32 need not be built.
        if device == "cpu" and config.kernels != "pytorch" and NATIVE not in found:
            unavailable = unavailable_because(own.dtype)
            found += [own] if unavailable is None else []
            why_not = unavailable or why_not
        found += [usual] if config.kernels != "native" else []
    if not found:
        raise ConfigError(f"kernels native are not available: {why_not}. Fix: take --kernels auto")
    return found


def candidates_of(config: RunConfig, shape: Shape, device: str) -> list[Arithmetic]:
    """The candidates; without own kernels where the model has no layer for them."""
    found = candidates(config.training, device)
    if len({other.kernels for other in found}) == 1:
        return found
    with torch.random.fork_rng(devices=[]):
        model = build_autoencoder(config.model, shape)
    return [other for other in found if other.kernels != "native" or has_native(model)]


def choose(
    run: Run, possible: Sequence[Arithmetic], images: int, timer: Timer | None = None
) -> Arithmetic:
    """The fastest of the candidates for the run's model on this machine. ``images``: so many it is
    shown.

    It is measured once: what the run began in, or what an equal model was measured to be fastest
    in, is taken again on the same machine. What was measured while that was busy is for this run
    alone.
    """
    config, shape = run.config, run.facts.image_shape
    if len(possible) == 1:
        return replace(possible[0], reason="the only one that options and machine leave")
    key = _key(config, shape, possible)
    cache = platformdirs.user_cache_path("reparam") / "arithmetic" / f"{key}.json"
    found = _kept(run.path / ARITHMETIC, key, possible) or _kept(cache, key, possible)
    if found is None and images < SHORT:
        found = replace(possible[0], reason=f"the usual one: {images:,} images need no choice")
    elif found is None:
        disturbed = is_busy()
        found = fastest(possible, (timer or seconds_an_image)(config, shape, possible, images))
        if disturbed:
            why = f"{found.reason}; the machine was busy: a quiet one may choose otherwise"
            found = replace(found, reason=why)
        # Where the cache cannot be written to, or its disk is full, it is measured again.
        with contextlib.suppress(OSError, DiskFullError):
            if not disturbed:
                cache.parent.mkdir(parents=True, exist_ok=True)
                write_mapping(cache, {KEY: key, **asdict(found)})
    run.write_json(ARITHMETIC, {KEY: key, **asdict(found)})
    return found


def is_busy() -> bool:
    """Whether other work wants this machine's processors, by the load of the last minute: times say
    little then, the less the more processors a candidate keeps busy. False where no load is known.
    """
    try:
        return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows
        return False


def agreed_arithmetic(run: Run, images: int, team: Team) -> Arithmetic:
    """The first process chooses for all, those of other machines as far as they can follow. Raises
    ConfigError as ``candidates``.
    """
    possible = candidates_of(run.config, run.facts.image_shape, team.fabric.device.type)
    chosen = choose(run, possible, images) if team.leads else possible[0]
    number = [chosen.same_as(other) for other in possible].index(True)
    of_all = int(team.agree(number))
    return chosen if team.leads else possible[min(of_all, len(possible) - 1)]


def fastest(possible: Sequence[Arithmetic], seconds: Sequence[float]) -> Arithmetic:
    """The one that takes the least, with its reason; the first of those that take nearly as long,
    so that noise does not decide.
    """
    best = next(i for i, taken in enumerate(seconds) if taken * CLEARLY <= min(seconds))
    times = "; ".join(f"{p} {1e6 * t:.0f} µs" for p, t in zip(possible, seconds, strict=True))
    return replace(possible[best], reason=f"the fastest for this model, an image: {times}")


def seconds_an_image(
    config: RunConfig, shape: Shape, possible: Sequence[Arithmetic], images: int
) -> list[float]:
    """Of a gradient step in each arithmetic, on a CPU: the least of several, taken in turns.

    Batches are as large as there is time for, which is a SHARE of training with so many ``images``:
    one that is faster for a whole batch may be slower for one image. The random streams of the
    caller do not move.
    """
    with torch.random.fork_rng(devices=[]):
        steps = [timed_step(config, shape, arithmetic) for arithmetic in possible]
        least, most = SECONDS
        size, whole = 1, config.training.batch_size
        while True:
            took = max(step(size) for step in steps)
            seconds = min(max(SHARE * images * took / size, least), most)
            if size == whole or took * ROUNDS >= seconds:
                break
            # Longer by what there is time for, but at most fourfold: small batches mislead.
            size = min(whole, size * max(2, min(4, int(seconds / (ROUNDS * took)))))
        rounds = max(ROUNDS, min(100, int(least / took)))
        times = [[step(size) for step in steps] for _ in range(rounds)]
    return [min(each) / size for each in zip(*times, strict=True)]


def timed_step(config: RunConfig, shape: Shape, arithmetic: Arithmetic) -> Callable[[int], float]:
    """What takes a gradient step of so many images and gives its seconds."""
    height, width, channels = shape
    model = build_autoencoder(config.model, shape)
    arithmetic.prepare(model)
    loss = Loss(model, config.objective, config.terms, config.inputs)
    loss.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss.train()
    computed, noise = arithmetic.of(loss), torch.Generator().manual_seed(0)

    def step(images: int) -> float:
        x = torch.rand(images, channels, height, width).to(memory_format=torch.channels_last)
        labels = torch.zeros(images, dtype=torch.int64)
        batch = Batch(x, labels, torch.arange(images))
        loss.zero_grad()
        began = time.perf_counter()
        computed(batch, FULL, noise).objective.mean().backward()
        return time.perf_counter() - began

    return step


def _kept(file: Path, key: str, possible: Sequence[Arithmetic]) -> Arithmetic | None:
    """What a file says of this machine and model; None without, and where it cannot be read."""
    if not file.exists():
        return None
    try:
        record = read_mapping(file, "remove it")
    except RunError:  # it only says what is measured anew
        return None
    if record.get(KEY) != key:
        return None
    told = [record.get(name) for name in ("precision", "kernels")]
    return next(
        (
            replace(other, reason=str(record.get("reason", "")))
            for other in possible
            if told == [other.precision, other.kernels]
        ),
        None,
    )


def _key(config: RunConfig, shape: Shape, possible: Sequence[Arithmetic]) -> str:
    """Of all that the times depend on."""
    options = to_mapping(config)
    told = {name: options[name] for name in ("inputs", "model", "objective", "terms")}
    what = [
        *(processor_name(), torch.get_num_threads(), torch.__version__, __version__),
        *(list(shape), config.training.batch_size, list(map(str, possible)), told),
    ]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]
