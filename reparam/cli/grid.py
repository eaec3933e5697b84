"""The runs of a sweep: every combination of the values that options are given, for every seed."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import tyro

from reparam.cli.parse import parse
from reparam.cli.train import TrainOptions, defaults_from
from reparam.errors import ConfigError
from reparam.training import RunConfig

OWN = ("--out", "--overwrite", "--quiet", "--dry-run", "--seed")
"""Options of `reparam train` that a sweep sets by itself."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep: ``values`` of the swept options, its seed, and what they come to."""

    values: Mapping[str, str]
    seed: int
    config: RunConfig
    command: str

    @property
    def name(self) -> str:
        """Of its folder: ``model-vae-latent-dim-8-seed-0``."""
        words = [f"{name}-{value}" for name, value in self.values.items()]
        return "-".join([*words, f"seed-{self.seed}"]).replace("/", "_")


def single_valued(options: type) -> set[str]:
    """The flags of a dataclass that take exactly one value: those that may be swept."""
    flags: set[str] = set()
    for name, hint in get_type_hints(options, include_extras=True).items():
        metadata = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        plain = get_args(hint)[0] if metadata else hint
        if is_dataclass(plain):
            flags |= single_valued(plain)  # type: ignore[arg-type]
        elif plain is not bool and not _is_tuple(plain) and tyro.conf.Positional not in metadata:
            renamed = [m.name for m in metadata if getattr(m, "name", None)]
            flags.add(f"--{(renamed[0] if renamed else name).replace('_', '-')}")
    return flags


def _is_tuple(hint: Any) -> bool:
    return get_origin(hint) is tuple or any(_is_tuple(part) for part in get_args(hint))


def axes_of(args: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The words that every run shares, and the options with several values."""
    sweepable = single_valued(TrainOptions)
    shared: list[str] = []
    axes: dict[str, list[str]] = {}
    for flag, values in _grouped(args):
        if flag in OWN:
            raise ConfigError(f"reparam sweep sets {flag} by itself, found it: leave it out")
        if flag in sweepable and len(values) > 1:
            if len(set(values)) < len(values):
                raise ConfigError(f"{flag} needs different values, found {' '.join(values)}")
            axes[flag] = values
        else:
            shared += [flag, *values] if flag else values
    return shared, axes


def _grouped(args: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each flag with the words behind it; the words before the first flag come with ''."""
    groups: list[tuple[str, list[str]]] = [("", [])]
    for word in args:
        if word.startswith("--"):
            groups.append((word, []))
        else:
            groups[-1][1].append(word)
    return [group for group in groups if group != ("", [])]


def points(args: Sequence[str], seeds: int) -> list[Point]:
    """Every combination of the values in ``args``, in their order, for seeds 0 to ``seeds`` − 1.

    Raises ConfigError for what `reparam train` would refuse.
    """
    shared, axes = axes_of(args)
    found = []
    for combination in itertools.product(*axes.values()):
        words = [w for pair in zip(axes, combination, strict=True) for w in pair]
        values = {flag.removeprefix("--"): v for flag, v in zip(axes, combination, strict=True)}
        for seed in range(seeds):
            line = [*shared, *words]
            options = parse(TrainOptions, line, prog="reparam sweep", default=defaults_from(line))
            found.append(
                Point(
                    values,
                    seed,
                    replace(options.run, seed=seed),
                    shlex.join(["reparam", "train", *line, "--seed", str(seed)]),
                )
            )
    return found
