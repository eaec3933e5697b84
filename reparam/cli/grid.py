"""The runs of a sweep: every combination of the values that options are given, for every seed."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import get_type_hints

from reparam.cli.flags import flag_in, is_single
from reparam.cli.train import Load, TrainOptions, before_images, suited_options
from reparam.errors import ConfigError
from reparam.runs import RunConfig, command_line, options_of, shared_options

OWN = ("--out", "--overwrite", "--quiet", "--dry-run", "--seed")
"""Options of `reparam train` that a sweep sets by itself."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep: ``values`` of the swept options, seed, resolved configuration."""

    values: Mapping[str, str]
    seed: int
    config: RunConfig
    command: str

    @property
    def name(self) -> str:
        """Of its folder: ``model-vae-latent-dim-8-seed-0``."""
        words = [f"{name}-{value}" for name, value in self.values.items()]
        return "-".join([*words, f"seed-{self.seed}"]).replace("/", "_")


def sweepable_flags() -> set[str]:
    """The flags of `reparam train` that take exactly one value, those of every part included."""
    options = options_of(TrainOptions())
    single = [o for o in options.values() if is_single(o.hint) and o.positional is None]
    names = {option.flag for option in single}
    names |= {n for n, several in shared_options(options).items() if is_single(several[0].hint)}
    for option in options.values():
        registry = option.registry
        if registry is None:
            continue
        for name in registry.names:
            part = registry.find(name)
            hints = get_type_hints(part)
            own = {field.name for field in fields(part) if is_single(hints[field.name])}
            names |= {f"{registry.prefix(name)}{field}" for field in own}
            names |= set() if registry.several else own
    return {f"--{name.replace('_', '-')}" for name in names}


def axes_of(args: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The words that every run shares, and the options with several values."""
    sweepable = sweepable_flags()
    shared: list[str] = []
    axes: dict[str, list[str]] = {}
    for flag, values in _grouped(args):
        if flag_in(flag) in OWN:
            raise ConfigError(
                f"{flag_in(flag)} must not be given to reparam sweep, which sets it. Fix: omit it"
            )
        if flag in sweepable and len(values) > 1:
            if len(set(values)) < len(values):
                raise ConfigError(
                    f"{flag} must have different values, got {' '.join(values)}. Fix: omit one"
                )
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


def points(args: Sequence[str], seeds: int, load: Load) -> list[Point]:
    """Every combination of the values in ``args``, in their order, for seeds 0 to ``seeds`` − 1.

    ``load`` reads images, where options follow from them. Raises ConfigError for what `reparam
    train` would refuse.
    """
    shared, axes = axes_of(args)
    found = []
    for combination in itertools.product(*axes.values()):
        words = [w for pair in zip(axes, combination, strict=True) for w in pair]
        values = {flag.removeprefix("--"): v for flag, v in zip(axes, combination, strict=True)}
        line = [*shared, *words]
        first = before_images(line, "reparam sweep")
        options, _ = suited_options(line, first, load, "reparam sweep")
        for seed in range(seeds):
            found.append(
                Point(
                    values,
                    seed,
                    replace(options.run, seed=seed),
                    command_line("train", [*line, "--seed", str(seed)]),
                )
            )
    return found
