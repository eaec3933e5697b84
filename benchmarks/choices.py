"""Is the arithmetic that `auto` takes the fastest? Each candidate's steps, in turns.

    python benchmarks/choices.py            # into RESULTS.md, section choices
    python benchmarks/choices.py --pairs 3  # fewer steps of each

The choice is made as `reparam train` makes it, by steps of its own; then every candidate takes as
many longer turns, one after the other, and the ratio to the chosen one is taken within each turn.

Beside the residual networks stands plain PyTorch: the same network in PyTorch's own memory format,
by a step of a usual training loop, in bfloat16 (autocast) and in float32.
"""

import argparse
import shlex
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from machine import describe
from results import spread, write_section
from speed_table import CONFIGURATIONS

from reparam.data import Batch
from reparam.model import (
    ModelConfig,
    ResidualDecoderOptions,
    ResidualEncoderOptions,
    build_autoencoder,
)
from reparam.objective import Loss
from reparam.runs import RunConfig, preset_config
from reparam.runs.suited import IMAGES_SEEN
from reparam.training.arithmetic import candidates_of, fastest, seconds_an_image, timed_step
from reparam.training.memory import kept_memory

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    config: RunConfig
    shape: Shape
    batch: int
    plain: bool = False
    """Whether plain PyTorch stands beside it."""


def cases() -> Mapping[str, Case]:
    vae, burda = preset_config("vae"), preset_config("burda")
    network: dict[str, Any] = {"filters": (32, 64, 128, 256), "attention": True}
    residual = ModelConfig(
        latent_dim=128,
        encoder=ResidualEncoderOptions(**network),
        decoder=ResidualDecoderOptions(**network, output_activation="clamp"),
    )
    articles = {
        f"the article's VAE {name}": Case(replace(vae, model=model), (28, 28, 1), 128)
        for name, model in CONFIGURATIONS.items()
    }
    return {
        **articles,
        "`burda`": Case(burda, (28, 28, 1), 100),
        "residual networks, 64 × 64 × 3": Case(
            replace(vae, model=residual), (64, 64, 3), 32, plain=True
        ),
    }


def plain_step(case: Case, *, bfloat16: bool) -> Callable[[int], float]:
    """What takes a step of plain PyTorch with so many images and gives its seconds."""
    height, width, channels = case.shape
    loss = Loss(build_autoencoder(case.config.model, case.shape), case.config.objective)
    loss.train()

    def step(images: int) -> float:
        x = torch.rand(images, channels, height, width)
        batch = Batch(x, torch.zeros(images, dtype=torch.int64), torch.arange(images))
        loss.zero_grad()
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            objective = loss(batch).objective.mean()
        objective.backward()
        return time.perf_counter() - began

    return step


def rows(case: Case, pairs: int) -> Sequence[str]:
    """Of each candidate: seconds a batch, and how much longer than the chosen one takes."""
    possible = candidates_of(case.config, case.shape, "cpu")
    chosen = fastest(possible, seconds_an_image(case.config, case.shape, possible, IMAGES_SEEN))
    steps = {str(each): timed_step(case.config, case.shape, each) for each in possible}
    if case.plain:
        for name, bfloat16 in (("bfloat16 (autocast)", True), ("float32", False)):
            steps[f"plain PyTorch, {name}"] = plain_step(case, bfloat16=bfloat16)
    with kept_memory():
        for step in steps.values():
            step(case.batch)
        turns = [{name: step(case.batch) for name, step in steps.items()} for _ in range(pairs)]
    found = []
    for name in steps:
        milliseconds = [1000 * turn[name] for turn in turns]
        ratio = statistics.median(turn[name] / turn[str(chosen)] for turn in turns)
        mark = " (taken)" if name == str(chosen) else ""
        found.append(f"{name}{mark} | {spread(milliseconds, 1)} | {ratio:.2f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10, help="turns of every candidate")
    parser.add_argument(
        "--section", default="choices", help="of RESULTS.md, one a kind of processor"
    )
    options = parser.parse_args()
    where = describe()
    lines = [
        f"{where}. Medians of {options.pairs} steps (lowest to highest), ratios within a turn.",
        "",
        "| model | candidate | a batch, ms | times the taken one |",
        "| --- | --- | --- | --- |",
    ]
    for name, case in cases().items():
        for row in rows(case, options.pairs):
            lines.append(f"| {name}, batch {case.batch} | {row} |")
            print(lines[-1], flush=True)
    section = [] if options.section == "choices" else ["--section", options.section]
    words = ["python", "benchmarks/choices.py", *section, "--pairs", str(options.pairs)]
    lines += ["", f"`{shlex.join(words)}`"]
    write_section(options.section, "\n".join(lines))


if __name__ == "__main__":
    main()
