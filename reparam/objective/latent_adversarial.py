"""Terms of a discriminator of latents: against the prior (AAE), or independence (FactorVAE)."""

from dataclasses import dataclass, field

from torch.nn import functional as F

from reparam.errors import ConfigError
from reparam.fields import option
from reparam.model import Autoencoder, ModelConfig, uniform
from reparam.objective.base import TERMS, Drawn, TermOptions, check_prior
from reparam.objective.inputs import InputConfig
from reparam.objective.latent_discriminator import LatentTerm, frozen_scores
from reparam.types import Latents, PerExample


class LatentAdversarial(LatentTerm):
    """−log(1 − D(z)) of D, which tells z from draws of the prior: the encoder learns latents that
    it takes for draws (Makhzani et al. 2016, section 2; the loss that does not saturate of
    Goodfellow et al. 2014, section 3).
    """

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return F.softplus(frozen_scores(self.discriminator, drawn.z))

    def others(self, model: Autoencoder, drawn: Drawn) -> Latents:
        return drawn.prior_draws(model.prior)


@TERMS.register("latent-adversarial")
@dataclass(frozen=True)
class LatentAdversarialOptions(TermOptions):
    """A discriminator of latents against draws of the prior (AAE).

    q(z) becomes the prior without a formula for its density. The term is not part of the loss by
    which epochs compare.
    """

    weight: float = field(default=10.0, kw_only=True)
    """Weight of the term in the loss. It is ln 2 where the discriminator cannot tell them apart."""

    widths: tuple[int, ...] = option((256, 256), least=1)
    """Outputs of each hidden layer of the discriminator."""

    learning_rate: float = option(2e-4, above=0)
    """The discriminator's, at the peak of the run's schedule."""

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        check_prior(model, f"term {self.type}")

    def build(self, model: Autoencoder) -> LatentAdversarial:
        return LatentAdversarial(model.latent_dim, self.widths, self.learning_rate)


def permuted(z: Latents, order: Latents) -> Latents:
    """Each dimension of the batch in the order of another column of ``order`` (B, d): the marginals
    stay, the dimensions become independent (Kim & Mnih 2018, algorithm 1).
    """
    return z.gather(0, order.argsort(0))


class Factor(LatentTerm):
    """log D(z) / (1 − D(z)) of D, which tells z from latents whose dimensions are permuted over the
    batch: an estimate of the total correlation KL(q(z) ‖ Π_j q(z_j)) in nats (Kim & Mnih 2018,
    eq. 3).
    """

    of_batch = True

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return frozen_scores(self.discriminator, drawn.z)

    def others(self, model: Autoencoder, drawn: Drawn) -> Latents:
        z = drawn.z.detach()
        return permuted(z, uniform(z.shape, drawn.noise, z))


@TERMS.register("factor")
@dataclass(frozen=True)
class FactorOptions(TermOptions):
    """Total correlation of the latent dimensions, by a discriminator (FactorVAE).

    It makes dimensions that tell different things. The term is not part of the loss by which epochs
    compare.
    """

    weight: float = field(default=10.0, kw_only=True)
    """Weight γ of the total correlation in the loss."""

    widths: tuple[int, ...] = option((256, 256, 256), least=1)
    """Outputs of each hidden layer of the discriminator. The paper has six of 1,000."""

    learning_rate: float = option(1e-4, above=0)
    """The discriminator's, at the peak of the run's schedule."""

    def check(self, model: ModelConfig, inputs: InputConfig) -> None:
        if model.latent_channels is None and model.latent_dim < 2:
            raise ConfigError(
                f"latent_dim must be 2 or more for term {self.type}, got {model.latent_dim}: one "
                "dimension depends on no other. Fix: raise --latent-dim"
            )

    def build(self, model: Autoencoder) -> Factor:
        return Factor(model.latent_dim, self.widths, self.learning_rate)
