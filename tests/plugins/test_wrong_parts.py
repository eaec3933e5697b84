"""Parts of one's own that break their contract are refused before a run folder is there."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from reparam.errors import ConfigError
from reparam.model import (
    ExemplarPriorOptions,
    MixturePriorOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    PosteriorOptions,
    VampPriorOptions,
    check_parts,
)

WRONG = '''
import math
from dataclasses import dataclass

import torch
from torch import nn

import reparam as rp


class Right(rp.Prior):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def sample(self, n, generator=None):
        return torch.randn(n, self.dim, generator=generator)

    def log_prob(self, z):
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(1)


class Flat(Right):
    def sample(self, n, generator=None):
        return torch.randn(n, generator=generator)


class Wide(Right):
    def sample(self, n, generator=None):
        return torch.randn(n, self.dim + 1, generator=generator)


class Array(Right):
    def sample(self, n, generator=None):
        return super().sample(n, generator).numpy()


class Endless(Right):
    def sample(self, n, generator=None):
        return super().sample(n, generator) / 0


class Seedless(Right):
    def sample(self, n, generator=None):
        return torch.randn(n, self.dim)


class Column(Right):
    def log_prob(self, z):
        return super().log_prob(z)[:, None]


class Lost(Right):
    def log_prob(self, z):
        return (super().log_prob(z) + 100).sqrt() * float("nan")


class Unborn(Right):
    def __init__(self, dim):
        self.dim = dim


class Nothing:
    def __new__(cls, dim):
        return None


for made in (Right, Flat, Wide, Array, Endless, Seedless, Column, Lost, Unborn, Nothing):

    @rp.PRIORS.register(made.__name__.lower())
    @dataclass(frozen=True)
    class Options(rp.PriorOptions):
        """A prior."""

        made = made

        def build(self, latent):
            return self.made(latent.dim)

    Options.__qualname__ = f"{made.__name__}Options"


class Small(rp.Decoder):
    def __init__(self, dim, side):
        super().__init__()
        self.side, self.linear = side, nn.Linear(dim, side * side)

    def forward(self, z, labels=None):
        return self.linear(z).sigmoid().unflatten(1, (1, self.side, self.side))

    def init_output_bias(self, image):
        pass


@rp.DECODERS.register("small")
@dataclass(frozen=True)
class SmallOptions(rp.DecoderOptions):
    """One pixel short."""

    def build(self, latent, image_shape, *, feature_shape, logits):
        return Small(latent.dim, image_shape[0] - 1)


class Short(rp.Encoder):
    def __init__(self, image_shape):
        super().__init__()
        self.image_shape, self.feature_shape = image_shape, (4,)
        self.linear = nn.Linear(math.prod(image_shape), 3)

    def forward(self, x, labels=None):
        return self.linear(x.flatten(1))


@rp.ENCODERS.register("short")
@dataclass(frozen=True)
class ShortOptions(rp.EncoderOptions):
    """One feature short."""

    def build(self, image_shape):
        return Short(image_shape)


class Numb(Short):
    def forward(self, x, labels=None):
        return x.flatten(1)[:, :4] * float("nan")


@rp.ENCODERS.register("numb")
@dataclass(frozen=True)
class NumbOptions(rp.EncoderOptions):
    def build(self, image_shape):
        return Numb(image_shape)


class Single(Short):
    def __init__(self, image_shape):
        super().__init__(image_shape)
        self.feature_shape = 4


@rp.ENCODERS.register("single")
@dataclass(frozen=True)
class SingleOptions(rp.EncoderOptions):
    def build(self, image_shape):
        return Single(image_shape)


class Shapeless(rp.Encoder):
    def __init__(self):
        super().__init__()
        self.image_shape = (8, 8, 1)

    def forward(self, x, labels=None):
        return x.flatten(1)


@rp.ENCODERS.register("shapeless")
@dataclass(frozen=True)
class ShapelessOptions(rp.EncoderOptions):
    def build(self, image_shape):
        return Shapeless()


class Undecorated(rp.Distribution):
    centre: torch.Tensor
    variance = None

    @property
    def mean(self):
        return self.centre

    def rsample(self, noise=None):
        return self.centre

    def log_prob(self, z):
        return -(z - self.centre).square().sum(1)


@rp.POSTERIORS.register("undecorated")
@dataclass(frozen=True)
class UndecoratedOptions(rp.PosteriorOptions):
    distribution = Undecorated


@dataclass(frozen=True)
class Ignoring(rp.DiagonalNormal):
    def rsample(self, noise=None):
        return super().rsample()


@rp.POSTERIORS.register("ignoring")
class IgnoringOptions(rp.PosteriorOptions):
    """Of random numbers of its own."""

    distribution = Ignoring


@dataclass(frozen=True)
class Alone(rp.DiagonalNormal):
    def rsample(self, noise=None):
        return self.mu + torch.randn(self.mu.shape, generator=noise) * (0.5 * self.log_var).exp()


@rp.POSTERIORS.register("alone")
class AloneOptions(rp.PosteriorOptions):
    """Of one generator: not of the noise that parts of a batch share."""

    distribution = Alone


@rp.TERMS.register("mean-latent")
@dataclass(frozen=True)
class MeanLatentOptions(rp.TermOptions):
    def value(self, model, drawn):
        return drawn.z.square().mean()


@rp.TERMS.register("forgetful")
@dataclass(frozen=True)
class ForgetfulOptions(rp.TermOptions):
    def value(self, model, drawn):
        drawn.z.square().sum(1)


@rp.OBJECTIVES.register("whole-batch")
@dataclass(frozen=True)
class WholeBatch(rp.Objective):
    def __call__(self, model, batch, phase, noise=None):
        drawn = rp.Drawn.of(model, batch, noise)
        error = drawn.pixels.squared_error(batch.images)
        return rp.Losses(error.sum(), {"loss": error}, drawn)


@rp.OBJECTIVES.register("bare")
@dataclass(frozen=True)
class Bare(rp.Elbo):
    def __call__(self, *args, **options):
        return super().__call__(*args, **options).objective


@rp.OBJECTIVES.register("nameless")
@dataclass(frozen=True)
class Nameless(rp.Elbo):
    def __call__(self, *args, **options):
        found = super().__call__(*args, **options)
        return rp.Losses(found.objective, {"loss": found.objective}, found.drawn)


@rp.OBJECTIVES.register("number")
@dataclass(frozen=True)
class Number(rp.Elbo):
    def __call__(self, *args, **options):
        found = super().__call__(*args, **options)
        return rp.Losses(found.objective, {**found.terms, "own": 1.0}, found.drawn)


@rp.OBJECTIVES.register("fixed")
@dataclass(frozen=True)
class Fixed(rp.Elbo):
    def __call__(self, *args, **options):
        found = super().__call__(*args, **options)
        return rp.Losses(found.objective.detach(), found.terms, found.drawn)


class Broad(rp.Term):
    def forward(self, model, drawn):
        return drawn.z.square().sum(1)

    def added(self, model, losses, weight, phase):
        value = self(model, losses.drawn)
        return rp.Added(value, value[:, None], value)


@rp.TERMS.register("broad")
@dataclass(frozen=True)
class BroadOptions(rp.TermOptions):
    def build(self, model):
        return Broad()


class Mute(rp.Term):
    pass


@rp.TERMS.register("mute")
@dataclass(frozen=True)
class MuteOptions(rp.TermOptions):
    def build(self, model):
        return Mute()


@rp.TERMS.register("silent")
@dataclass(frozen=True)
class SilentOptions(rp.TermOptions):
    pass


@rp.TERMS.register("hollow")
@dataclass(frozen=True)
class HollowOptions(rp.TermOptions):
    def build(self, model):
        Broad()
'''

TRY = """
import sys
from pathlib import Path
import numpy as np
import reparam

reparam.load_plugin("wrong.py")
images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)
mlp = {"encoder": {"type": "mlp", "widths": [4]}, "decoder": {"type": "mlp", "widths": [4]}}
for kind, name in (each.split("=") for each in sys.argv[1:]):
    out = Path(name)
    parts = {**mlp, "latent_dim": 2, kind: [name] if kind == "terms" else name}
    try:
        reparam.VAE(**parts, epochs=1, quiet=True, out=out).fit(images)
        print("trained")
    except reparam.ReparamError as error:
        print(error, "(left a folder)" * out.exists())
"""

SHAPE = "must have the shape"
NOISE = "must take its random numbers from the generator"

SAID = {
    "prior=right": "trained",
    "prior=flat": f"sample of prior flat {SHAPE} (3, 2) for a batch of 3, got (3,). Fix: ",
    "prior=wide": f"sample of prior wide {SHAPE} (3, 2) for a batch of 3, got (3, 3). Fix: ",
    "prior=array": "sample of prior array must be a tensor of shape (3, 2)",
    "prior=endless": "sample of prior endless must give finite numbers, got NaN or infinite ones",
    "prior=seedless": f"sample of prior seedless {NOISE}",
    "prior=column": "log_prob of prior column must be one number for each image",
    "prior=lost": "log_prob of prior lost must give numbers, got NaN. Fix: correct it",
    "prior=unborn": "Unborn of prior unborn must be initialised by nn.Module",
    "prior=nothing": "build of prior nothing must give a Prior, got NoneType. Fix: ",
    "decoder=small": f"decoder small {SHAPE} (3, 1, 8, 8) for a batch of 3, got (3, 1, 7, 7)",
    "encoder=short": f"encoder short {SHAPE} (3, 4) for a batch of 3, got (3, 3). Fix: correct "
    "feature_shape, or what it returns",
    "encoder=numb": "encoder numb must give numbers, got NaN. Fix: correct it",
    "encoder=single": "feature_shape of encoder single must be a tuple of sizes, such as (4,), "
    "got 4. Fix: ",
    "encoder=shapeless": "Shapeless of encoder shapeless must have feature_shape, got none. Fix: ",
    "posterior=undecorated": "Undecorated must be a dataclass whose fields are its parameters",
    "posterior=ignoring": f"rsample of posterior ignoring {NOISE}",
    "posterior=alone": "rsample of posterior alone must take the noise that several processes",
    "terms=mean-latent": "value of term mean-latent must be one number for each image, of shape "
    "(3,), got ",
    "terms=forgetful": "value of term forgetful must be a tensor of one number for each image, of "
    "shape (3,), got NoneType. Fix: return",
    "objective=whole-batch": "what is minimised of objective WholeBatch must be one number for each"
    " image, of shape (3,), got ()",
    "objective=bare": "objective Bare must give Losses, got Tensor. Fix: ",
    "objective=nameless": "terms of objective Nameless must have loss, distortion, rate, squared_er"
    "ror, got none of the name distortion or rate or squared_error. Fix: ",
    "objective=number": "own of objective Number must be a tensor of one number for each image, of "
    "shape (3,), got float. Fix: ",
    "objective=fixed": "what is minimised of objective fixed must have a gradient, got a tensor "
    "without. Fix: ",
    "terms=mute": "Mute must define forward, got a class without. Fix: ",
    "terms=silent": "SilentOptions must define value, or build, got a class without. Fix: ",
    "terms=hollow": "build of term hollow must give a Term, got NoneType. Fix: ",
    "terms=broad": "objective of term broad must be one number for each image, of shape (3,), "
    "got (3, 1). Fix: ",
}
"""Part → how the line begins."""


def test_a_wrong_part_is_refused_before_a_folder_is_there(tmp_path: Path) -> None:
    """In a process of its own, which does not check shapes as these tests do."""
    (tmp_path / "wrong.py").write_text(WRONG)
    said = subprocess.run(
        [sys.executable, "-c", TRY, *SAID],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = said.stdout.splitlines()
    assert len(lines) == len(SAID)
    for (part, start), line in zip(SAID.items(), lines, strict=True):
        assert line.startswith(start), part
        assert "left a folder" not in line


def config(**parts: object) -> ModelConfig:
    small = {"encoder": MlpEncoderOptions((4,)), "decoder": MlpDecoderOptions((4,))}
    return ModelConfig(**{**small, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "prior",
    [MixturePriorOptions(3), VampPriorOptions(3), ExemplarPriorOptions(3)],
    ids=lambda prior: str(prior.type),
)
def test_a_check_leaves_random_states_as_they_were(prior: object) -> None:
    """Also of priors that know nothing to draw from yet."""
    torch.manual_seed(3)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    check_parts(config(prior=prior), (8, 8, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002


def test_a_posterior_names_its_distribution() -> None:
    class Without(PosteriorOptions):
        pass

    with pytest.raises(ConfigError, match=r"Without must name its distribution.*Fix: "):
        Without()
