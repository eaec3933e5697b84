"""Flags made of dataclasses: every type, every mistake, and what stands where on the line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from reparam.cli.encode import EncodeOptions
from reparam.cli.flags import HELP, HELP_ALL, RUNS, flags_of, parse, split_words
from reparam.cli.grid import OWN
from reparam.cli.sweep import SweepOptions
from reparam.cli.train import TrainOptions, resolve_options
from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model import BernoulliLikelihoodOptions, MlpEncoderOptions
from reparam.runs import command_line


@dataclass(frozen=True)
class Inner:
    rate: float = 0.5
    """A number."""

    sizes: tuple[int, ...] = (1, 2)
    """Whole numbers."""


@dataclass(frozen=True)
class Options:
    """What a command takes."""

    first: str = option("none", positional="FIRST")
    """A place."""

    inner: Inner = field(default_factory=Inner)

    count: int = option(3, alias="-n")
    """How many."""

    pair: tuple[int, int] | None = None
    """Two whole numbers, or none."""

    size: tuple[int, int] | None = option(None, is_size=True)
    """Height and width."""

    weight: float | Literal["auto"] | None = None
    """A number or a word."""

    channels: Literal[1, 3] = 1
    """One or three."""

    out: Path = Path("here")
    """A path of 100 %."""

    on: bool = True
    """On at first."""

    off: bool = False
    """Off at first."""


def read(*words: str) -> Options:
    return parse(Options(), words, prog="reparam test")


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--count 7", "count", 7),
        ("-n 7", "count", 7),
        ("--count=7", "count", 7),
        ("--count 7 --count 8", "count", 8),
        ("--count -7", "count", -7),
        ("--pair 4 5", "pair", (4, 5)),
        ("--pair -4 5", "pair", (-4, 5)),
        ("--weight 2", "weight", 2.0),
        ("--weight -2e-3", "weight", -0.002),
        ("--weight=-2e-3", "weight", -0.002),
        ("--weight auto", "weight", "auto"),
        ("--weight 3 --weight None", "weight", None),
        ("--channels 3", "channels", 3),
        ("--out some/where", "out", Path("some/where")),
        ("--no-on", "on", False),
        ("--on", "on", True),
        ("--off", "off", True),
        ("--off --no-off", "off", False),
        ("word", "first", "word"),
        ("--off word", "first", "word"),
        ("--count 2 word --off", "first", "word"),
    ],
)
def test_a_value_of_every_type(words: str, name: str, value: object) -> None:
    found = getattr(read(*words.split()), name)
    assert found == value
    assert type(found) is type(value)


def test_lists_take_any_number_of_values() -> None:
    assert read("--sizes", "7").inner.sizes == (7,)
    assert read("--sizes", "7", "8", "9", "--off").inner.sizes == (7, 8, 9)
    assert read("--sizes=7").inner.sizes == (7,)
    assert read("--sizes").inner.sizes == ()
    assert read().inner == Inner()


@pytest.mark.parametrize(
    ("words", "size"),
    [
        ("--size 64", (64, 64)),
        ("--size=64", (64, 64)),
        ("--size 64 48", (64, 48)),
        ("--size=64 48", (64, 48)),
        ("--size 64x48", (64, 48)),
        ("--size=64X48", (64, 48)),
        ("--size 64×48", (64, 48)),
        ("--size 64 --count 5", (64, 64)),
        ("--size 1 2 --size 64", (64, 64)),
        ("--size 0", (0, 0)),
    ],
)
@pytest.mark.parametrize("place", ["", "here", "here/5"])
def test_a_size_is_one_number_or_two(words: str, size: tuple[int, int], place: str) -> None:
    """Also before the word of another place, which is no width."""
    for line in (f"{place} {words}", f"{words} {place}"):
        found = read(*line.split())
        assert found.size == size
        assert found.first == (place or "none")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--cuont 3", "reparam test: unknown option '--cuont'; did you mean --count?"),
        ("--cuont=3", "unknown option '--cuont'; did you mean --count?"),
        ("--cou 3", "unknown option '--cou'; did you mean --count"),
        ("-x", "unknown option '-x'"),
        ("word other", "unexpected argument 'other'"),
        ("--count many", "--count must be a whole number, got 'many'. Fix: "),
        ("--count 1.5", "--count must be a whole number, got '1.5'"),
        ("--count", "--count/-n: expected one value. Fix: see reparam test --help"),
        ("--size", "--size must be a height and a width, such as 64, 64x48 or 64 48, got nothing"),
        ("--size big none", "--size must be a height and a width, such as 64, "),
        ("--size=", "64x48 or 64 48, got nothing. Fix: "),
        ("--size=big", "64x48 or 64 48, got 'big'. Fix: "),
        ("--pair 1", "--pair: expected 2 values. Fix: "),
        ("--pair 1 x", "--pair must be 2 whole numbers, got '1 x'"),
        ("--sizes 1 x", "--sizes must be whole numbers, got '1 x'"),
        ("--weight much", "--weight must be a number or auto, got 'much'"),
        ("--channels 2", "--channels must be one of 1, 3, got '2'"),
        ("--off=yes", "--off/--no-off: ignored explicit value 'yes'. Fix: "),
    ],
)
def test_a_mistake_says_the_rule_and_what_was_given(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(*words.split())
    assert message in str(caught.value)
    assert str(caught.value).startswith("reparam test: ")
    assert "\n" not in str(caught.value)


def test_help_names_flags_values_and_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read("--help-all")
    assert not stop.value.code
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "usage: reparam test [FIRST] [options]",
        "FIRST A place. (default: none)",
        "--count INT, -n INT How many. (default: 3)",
        "--pair INT INT Two whole numbers, or none.",
        "--weight {FLOAT,auto} A number or a word.",
        "--channels {1,3} One or three. (default: 1)",
        "--out PATH A path of 100 %. (default: here)",
        "--on, --no-on On at first. (default: --on)",
        "--off, --no-off Off at first.",
        "options of inner: --rate FLOAT A number. (default: 0.5)",
        "--sizes [INT ...] Whole numbers. (default: 1 2)",
    ):
        assert words in said


@dataclass(frozen=True)
class Several:
    """A command on runs."""

    runs: tuple[Path, ...] = RUNS
    """Run folders."""

    json: bool = False
    """As JSON."""


def test_places_may_stand_between_flags() -> None:
    found = parse(Several(), ["a", "--json", "b"], prog="reparam test")
    assert found == Several((Path("a"), Path("b")), json=True)
    one = parse(EncodeOptions(), ["run", "--split", "test", "digits"], prog="reparam test")
    assert (one.run, one.data.source, one.split) == (Path("run"), "digits", "test")


def test_a_place_that_must_be_given() -> None:
    with pytest.raises(ConfigError, match=r"RUN \[RUN \.\.\.\] must be given, got nothing"):
        parse(Several(), ["--json"], prog="reparam test")
    with pytest.raises(ConfigError, match="RUN must be given, got nothing"):
        parse(EncodeOptions(), ["--split", "test"], prog="reparam test")


def train(*words: str) -> TrainOptions:
    return resolve_options(words)


def test_a_part_decides_on_its_options() -> None:
    model = train("d", "--encoder", "mlp", "--encoder-widths", "3", "4").run.model
    assert model.encoder == MlpEncoderOptions(widths=(3, 4))
    found = train("--likelihood", "bernoulli", "--encoder=mlp", "d").run
    assert found.data.source == "d"
    assert found.model.likelihood == BernoulliLikelihoodOptions()
    assert found.model.encoder == MlpEncoderOptions()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--encoder mpl", "unknown encoder 'mpl'; did you mean mlp?"),
        ("--encoder-widths 3", "option '--encoder-widths' belongs to encoder mlp"),
        ("--encoder mlp --encoder-filters 3", "belongs to encoder convolutional"),
        (
            "--encoder mlp --attention",
            "'--attention' belongs to encoder kl and residual, got encoder mlp. Fix: omit it, or "
            "take --encoder kl or residual",
        ),
        ("--dip-diagonal 3", "belongs to term dip, got no term. Fix: omit it, or take --terms dip"),
        ("--terms mmd capacity --dip-diagonal 3", "belongs to term dip, got term mmd and capacity"),
        ("--objective reconstruction --free-bits 1", "belongs to objective elbo"),
        ("--architecture mlp", "must be given as encoder and decoder (--encoder mlp"),
        ("--regulariser kl", "must be given as objective (--objective elbo for kl"),
        ("--terms moments", "unknown term 'moments' (known: adversarial, "),
        ("--encoder", "--encoder: expected one value"),
    ],
)
def test_an_option_of_another_part_is_named(words: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        train(*words.split())
    assert message in str(caught.value)


def test_one_flag_for_encoder_and_decoder_and_the_later_one_wins() -> None:
    def found(*words: str) -> tuple[float, float]:
        model = train(*words).run.model
        return model.encoder.dropout, model.decoder.dropout

    assert found("--dropout", "0.5") == (0.5, 0.5)
    assert found("--dropout", "0.5", "--decoder-dropout", "0.25") == (0.5, 0.25)
    assert found("--decoder-dropout", "0.25", "--dropout", "0.5") == (0.5, 0.5)


def test_of_options_that_exclude_one_another_the_flag_wins(tmp_path: Path) -> None:
    file = tmp_path / "options.toml"
    file.write_text("beta = 0.5\n")
    likelihood = train("--config", str(file), "--sigma", "0.1").run.model.likelihood
    assert (likelihood.beta, likelihood.sigma) == (None, 0.1)


def test_a_sweep_shares_no_flag_with_train_but_those_that_it_sets() -> None:
    """Otherwise one of the two could not be given."""
    both = flags_of(SweepOptions()).keys() & flags_of(TrainOptions()).keys()
    assert both - {*HELP, HELP_ALL, "--device"} <= {*OWN, "--no-quiet"}


@pytest.mark.parametrize(
    "own",
    ["--quiet", "--no-prune", "--seeds 2", "--seeds=2", "--out there", "--draws 9", "--lang ko"],
)
def test_pictures_may_stand_behind_a_flag_of_the_sweep(own: str) -> None:
    mine, of_train = split_words([*own.split(), "photos/", "--seed", "1"], flags_of(SweepOptions()))
    assert mine == own.split()
    assert of_train == ["photos/", "--seed", "1"]


def test_a_flag_of_the_sweep_keeps_any_number_of_values() -> None:
    words = ["photos/", "--search", "beta=1..2", "ema=0..0.9", "--epochs", "3", "4"]
    mine, of_train = split_words(words, flags_of(SweepOptions()))
    assert mine == words[1:4]
    assert of_train == ["photos/", "--epochs", "3", "4"]


def test_a_command_line_can_be_typed_again() -> None:
    assert command_line("train", ["my data", "--seed", "1"]) == "reparam train 'my data' --seed 1"
