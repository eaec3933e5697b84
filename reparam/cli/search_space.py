"""The options that a search chooses: ``latent_dim=2..64 log``, ``encoder=mlp,residual``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reparam.cli.grid import sweepable_flags
from reparam.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from optuna.trial import Trial

_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})( log)?")


@dataclass(frozen=True)
class Axis:
    """One option and the values that it may have."""

    flag: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    """Whether ratios count: as many trials between 2 and 4 as between 32 and 64."""
    whole: bool = False
    choices: tuple[str, ...] = ()
    """In the place of a range."""

    def ask(self, trial: "Trial") -> str:
        """The value that the trial gets, as typed behind the flag."""
        name = self.flag.removeprefix("--")
        if self.choices:
            return str(trial.suggest_categorical(name, self.choices))
        if self.whole:
            return str(trial.suggest_int(name, int(self.low), int(self.high), log=self.log))
        return repr(trial.suggest_float(name, self.low, self.high, log=self.log))

    @property
    def ends(self) -> tuple[str, ...]:
        """Values that tell whether all of them are possible: every choice, or the range's ends."""
        ends = (self.low, self.high)
        return self.choices or tuple(str(int(e)) if self.whole else repr(e) for e in ends)


def axes_of_search(words: Sequence[str]) -> list[Axis]:
    """Raises ConfigError for what is no option with one value, and no range or list of values."""
    axes = [_axis(word) for word in words]
    flags = [axis.flag for axis in axes]
    if len(set(flags)) < len(flags):
        raise ConfigError(
            f"search must name different options, got {' '.join(flags)}. Fix: omit one"
        )
    return axes


def _axis(word: str) -> Axis:
    name, equals, values = word.partition("=")
    flag, values = f"--{name.strip().lstrip('-').replace('_', '-')}", values.strip()
    if not equals:
        raise ConfigError(
            f"search must be OPTION=VALUES, got {word!r}. Fix: write 'latent_dim=2..64 log' or "
            "'encoder=mlp,residual'"
        )
    if flag not in (known := sweepable_flags()):
        raise ConfigError(f"search: {unknown_name('option', flag, known, see='train --help')}")
    if found := _RANGE.fullmatch(values):
        low, high, log = float(found[1]), float(found[2]), found[3] is not None
        whole = all(re.fullmatch(r"[-+]?\d+", end) for end in found.groups()[:2])
        if low >= high or (log and low <= 0):
            rule = "from a low to a higher value" + ", above 0 with log" * log
            raise ConfigError(
                f"search {name}: a range must be {rule}, got {values!r}. Fix: swap it"
            )
        return Axis(flag, low, high, log, whole)
    choices = tuple(value.strip() for value in values.split(","))
    if len(choices) < 2 or "" in choices or len(set(choices)) < len(choices) or ".." in values:
        raise ConfigError(
            f"search {name} must be LOW..HIGH, LOW..HIGH log or two or more different values, got "
            f"{values!r}. Fix: write 'latent_dim=2..64 log' or 'encoder=mlp,residual'"
        )
    return Axis(flag, choices=choices)
