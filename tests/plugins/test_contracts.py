"""Parts of one's own that give other shapes than their contract: a line, not a wrong sum."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import Tensor

import reparam as rp
from reparam.errors import ConfigError, ShapeError
from reparam.evaluation import sample_latents
from reparam.model import (
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    check_parts,
    fittable_prior,
)
from reparam.runs.fitted_prior import load_prior, save_prior


class Wide(rp.Prior):
    """N(0, 4 I); ``keep`` says what its density is summed over."""

    def __init__(self, keep: str) -> None:
        super().__init__()
        self.keep = keep

    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        return 2 * torch.randn(n, 3 if self.keep == "draws" else 2, generator=generator)

    def log_prob(self, z: Tensor) -> Tensor:
        found = torch.distributions.Normal(0.0, 2.0).log_prob(z)
        return found if self.keep == "all" else found.sum(1, keepdim=self.keep == "one")


def vae(prior: rp.Prior | None = None) -> rp.Autoencoder:
    parts = ModelConfig(
        encoder=MlpEncoderOptions((4,)), decoder=MlpDecoderOptions((4,)), latent_dim=2
    )
    model = rp.build_autoencoder(parts, (2, 2, 1))
    if prior is not None:
        model.prior = prior
    return model


BATCH = rp.Batch(torch.rand(5, 1, 2, 2), labels=None, index=torch.arange(5))


def test_a_density_is_one_number_for_each_latent() -> None:
    """Also with as many images as dimensions, where sums of other shapes broadcast."""
    assert rp.Loss(vae(Wide("")), rp.Elbo())(BATCH).objective.shape == (5,)
    two = rp.Batch(BATCH.images[:2], None, BATCH.index[:2])
    for keep, batch, shape in (
        ("all", BATCH, "5, 2"),
        ("all", two, "2, 2"),
        ("one", BATCH, "5, 1"),
    ):
        with pytest.raises(ShapeError, match=rf"log_prob of prior Wide .*got \({shape}\)\. Fix"):
            rp.Loss(vae(Wide(keep)), rp.Elbo())(batch)


def test_draws_are_rows_of_the_latents_size() -> None:
    assert sample_latents(vae(Wide("")), 7).shape == (7, 2)
    with pytest.raises(ShapeError, match=r"sample must give \(7, 2\) latents, got \(7, 3\)"):
        sample_latents(vae(Wide("draws")), 7)


WRONG_LOSSES = """
from dataclasses import dataclass, replace
import torch
import reparam as rp
from reparam.model import MlpDecoderOptions, MlpEncoderOptions, ModelConfig

@rp.TERMS.register("size")
@dataclass(frozen=True)
class SizeOptions(rp.TermOptions):
    def value(self, model, drawn):
        return drawn.z.abs()

class Mean(rp.Elbo):
    def __call__(self, *args, **options):
        found = super().__call__(*args, **options)
        return replace(found, objective=found.objective.mean())

parts = ModelConfig(encoder=MlpEncoderOptions((4,)), decoder=MlpDecoderOptions((4,)))
model = rp.build_autoencoder(parts, (2, 2, 1))
batch = rp.Batch(torch.rand(5, 1, 2, 2), labels=None, index=torch.arange(5))
for objective, terms in ((rp.Elbo(), [SizeOptions()]), (Mean(), [])):
    try:
        rp.Loss(model, objective, terms)(batch)
    except rp.errors.ShapeError as error:
        print(error)
"""


def test_objectives_and_terms_are_one_number_for_each_image() -> None:
    """In a process of its own, which does not check shapes as these tests do."""
    said = subprocess.run(
        [sys.executable, "-c", WRONG_LOSSES], capture_output=True, text=True, check=True
    )
    term, objective = said.stdout.splitlines()
    assert term.startswith("value of term size must be one number for each image, of shape (5,)")
    assert objective.startswith(
        "what is minimised of objective Mean must be one number for each image, of shape (5,)"
    )


class Spread(Wide):
    """Fittable; whether it was fitted follows from its numbers, and nobody else sets it."""

    def __init__(self) -> None:
        super().__init__("")
        self.register_buffer("scale", torch.zeros(2))

    @property
    def fitted(self) -> bool:
        return bool(self.scale.any())

    def fit(self, z: Tensor, seed: int = 0, progress: object = None) -> None:
        self.scale.copy_(z.std(0))

    def options(self) -> rp.PriorOptions:
        return SpreadOptions()


@dataclass(frozen=True)
class SpreadOptions(rp.PriorOptions):
    is_fittable = True

    def build(self, latent: rp.LatentSpec) -> rp.Prior:
        return Spread()


@dataclass(frozen=True)
class WideOptions(rp.PriorOptions):
    is_fittable = True
    is_known_after_training = True

    def build(self, latent: rp.LatentSpec) -> rp.Prior:
        return Wide("")


def test_a_fitted_prior_of_ones_own_comes_back_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rp.PRIORS, "_members", dict(rp.PRIORS._members))
    rp.PRIORS.register("spread")(SpreadOptions)
    rp.PRIORS.register("wide")(WideOptions)
    latent = rp.LatentSpec((2,))
    prior = fittable_prior("spread", latent)
    prior.fit(torch.randn(50, 2))
    save_prior(tmp_path, prior, "digest", {})
    again = load_prior(tmp_path, "digest", latent)
    assert torch.equal(again.get_buffer("scale"), prior.get_buffer("scale"))
    assert again.fitted


def test_a_prior_that_is_to_be_fitted_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rp.PRIORS, "_members", dict(rp.PRIORS._members))
    rp.PRIORS.register("wide")(WideOptions)
    said = r"Wide of prior wide must have fitted, fit, options to be fitted.*Fix: "
    with pytest.raises(ConfigError, match=said):
        fittable_prior("wide", rp.LatentSpec((2,)))
    parts = ModelConfig(
        encoder=MlpEncoderOptions((4,)), decoder=MlpDecoderOptions((4,)), prior=WideOptions()
    )
    with pytest.raises(ConfigError, match=said):
        check_parts(parts, (2, 2, 1))


def test_a_prior_without_a_name_has_its_classes() -> None:
    assert Wide("").describe() == Wide("").title == "Wide"

    class Wider(Wide):
        kind = "wider"

    assert Wider("").describe() == "wider"
