"""Loss: one function of model and batch, with extra terms, phases, and means over a set."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from reparam.data import Batch
from reparam.errors import ConfigError
from reparam.model import (
    LIKELIHOODS,
    LOSS_UNITS,
    Autoencoder,
    BoxOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    ModelConfig,
    build_autoencoder,
    rows_at_once,
)
from reparam.objective import (
    DEAD,
    TERMS,
    CapacityOptions,
    DipOptions,
    Drawn,
    Elbo,
    ImportanceWeighted,
    InputConfig,
    Loss,
    MmdOptions,
    Objective,
    Phase,
    Reconstruction,
    Term,
    TermOptions,
    TotalCorrelationOptions,
    batches,
    check_loss,
    mean_losses,
    terms_of_each,
)
from reparam.objective.loss import RESERVED
from reparam.types import PerExample

SMALL = ModelConfig(
    latent_dim=3,
    encoder=ConvolutionalEncoderOptions((6,), (3,), (2,)),
    decoder=ConvolutionalDecoderOptions((), (3,), (2,)),
)
AE = replace(SMALL, posterior=DeltaOptions(), prior=BoxOptions())
WAE = replace(SMALL, posterior=DeltaOptions())
SHAPE = (8, 7, 1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def built(config: ModelConfig = SMALL) -> Autoencoder:
    torch.manual_seed(0)
    return build_autoencoder(config, SHAPE)


def batch(n: int = 4) -> Batch:
    return Batch(torch.rand(n, 1, 8, 7, generator=generator(1)), None, torch.arange(n))


def pictures(n: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (n, *SHAPE), dtype=np.uint8)


@dataclass(frozen=True)
class LatentNorm(TermOptions):
    """‖z‖ᵖ, times a factor that is learned."""

    power: int = 2

    def build(self, model: Autoencoder) -> Term:
        return LatentNormTerm(self.power)


class LatentNormTerm(Term):
    def __init__(self, power: int) -> None:
        super().__init__()
        self.power = power
        self.factor = torch.nn.Parameter(torch.tensor(2.0))

    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return self.factor * drawn.z.abs().pow(self.power).sum(1)


@dataclass(frozen=True)
class MeanGrey(TermOptions):
    """The mean of the decoded image."""

    def build(self, model: Autoencoder) -> Term:
        return MeanGreyTerm()


class MeanGreyTerm(Term):
    def forward(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return drawn.pixels.mean.flatten(1).mean(1)


@dataclass(frozen=True)
class Clash(MeanGrey):
    """The same under the name of a loss."""


@dataclass(frozen=True)
class ReadsImages(TermOptions):
    """The mean of an image, as if it were of the batch's latents."""

    of_batch: ClassVar[bool] = True

    def value(self, model: Autoencoder, drawn: Drawn) -> PerExample:
        return drawn.batch.images.flatten(1).mean(1)


NAMES = {
    "test-reads-images": ReadsImages,
    "test-latent-norm": LatentNorm,
    "test-mean-grey": MeanGrey,
    "squared-error": Clash,
}


@pytest.fixture(autouse=True, scope="module")
def _registered():
    """For these tests alone: others look at all terms that there are."""
    for name, options in NAMES.items():
        TERMS.register(name)(options)
    yield
    for name in NAMES:
        del TERMS._members[name]


@pytest.mark.parametrize("objective", [Elbo(), Reconstruction()], ids=str)
def test_an_extra_term_is_recorded_by_name_and_minimised_with_its_weight(objective: Objective):
    model = built()
    plain = Loss(model, objective)(batch(), noise=generator())
    extra = Loss(model, objective, [LatentNorm(weight=0.25), MeanGrey(weight=3.0)])
    found = extra(batch(), noise=generator())
    norm = 2 * plain.drawn.z.square().sum(1)
    grey = plain.drawn.pixels.mean.flatten(1).mean(1)
    assert set(found.terms) - set(plain.terms) == {"test_latent_norm", "test_mean_grey"}
    torch.testing.assert_close(found.terms["test_latent_norm"], norm)
    torch.testing.assert_close(found.terms["test_mean_grey"], grey)
    weighted = 0.25 * norm + 3 * grey
    torch.testing.assert_close(found.objective, plain.objective + weighted)
    torch.testing.assert_close(found.terms["loss"], plain.terms["loss"] + weighted)
    for name in ("distortion", "rate", "squared_error"):
        assert torch.equal(found.terms[name], plain.terms[name])


def test_the_gradient_of_an_extra_term_is_its_weight_times_its_own():
    model = built()
    weight = model.posterior.heads["mu"].weight
    plain, extra = Loss(model, Elbo()), Loss(model, Elbo(), [LatentNorm(weight=0.25)])
    factor = extra.terms["test_latent_norm"].factor
    of_plain = torch.autograd.grad(plain(batch(), noise=generator()).objective.mean(), weight)[0]
    found = extra(batch(), noise=generator())
    norm = found.terms["test_latent_norm"].mean()
    of_norm = torch.autograd.grad(norm, weight, retain_graph=True)[0]
    both, of_factor = torch.autograd.grad(found.objective.mean(), (weight, factor))
    torch.testing.assert_close(both, of_plain + 0.25 * of_norm)
    torch.testing.assert_close(of_factor, (0.25 * norm / 2).detach())
    # its parameters train with the model's, and are kept with them
    assert any(parameter is factor for parameter in extra.parameters())
    assert "terms.test_latent_norm.factor" in extra.state_dict()


def test_a_term_under_the_name_of_a_loss_is_refused():
    with pytest.raises(ConfigError, match="term squared_error must have a name of its own"):
        Loss(built(), Elbo(), [Clash()])


@pytest.mark.parametrize("name", LIKELIHOODS.names)
def test_no_term_has_the_name_of_what_a_likelihood_reports(name):
    model = built(replace(SMALL, likelihood=LIKELIHOODS.find(name)()))
    found = Loss(model, Elbo())(batch(), noise=generator()).terms
    reported = model.likelihood.losses({name: v.mean().item() for name, v in found.items()})
    known = {"loss_nats", "distortion_nats", "rate_nats", "loss_bits_per_dim"}
    assert known <= reported.keys() <= LOSS_UNITS.keys() < RESERVED


def test_a_phase_weighs_the_rate_in_the_objective_alone():
    model = built()
    full = Loss(model, Elbo())(batch(), noise=generator())
    for weight in (0.1, torch.tensor(0.1)):
        early = Loss(model, Elbo())(batch(), Phase(rate_weight=weight), generator())
        for name, values in full.terms.items():
            assert torch.equal(early.terms[name], values)
        expected = full.terms["distortion"] + 0.1 * full.terms["rate"]
        torch.testing.assert_close(early.objective, expected)


@pytest.mark.parametrize("config", [SMALL, AE], ids=["vae", "ae"])
def test_terms_of_each_are_the_losses_of_single_images(config):
    """Also across batches, of some rows in any order, and of a model that was training."""
    model = built(config).train()
    objective = Reconstruction() if config is AE else Elbo()
    loss, images = Loss(model, objective), pictures(2 * rows_at_once(SHAPE) + 3)
    index = np.array([len(images) - 1, 0, 7, rows_at_once(SHAPE), 7])
    whole, some = terms_of_each(loss, images), terms_of_each(loss, images, index=index)
    assert model.training
    loss.eval()
    assert set(whole) == {"loss", "distortion", "rate", "squared_error"}
    without_noise = ("rate",) if config is SMALL else tuple(whole)
    for place, position in enumerate(index):
        pixels = torch.from_numpy(images[[position]])
        one = loss(Batch.of_bytes(pixels, None, torch.tensor([position])))
        for name in without_noise:
            single = one.terms[name].detach().double().numpy()[0]
            np.testing.assert_allclose(whole[name][position], single, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(some[name][place], single, rtol=1e-4, atol=1e-5)
    assert all(values.dtype == np.float64 for values in whole.values())
    assert all(len(values) == len(images) for values in whole.values())


def test_of_many_latents_an_image_no_more_are_decoded_at_once_than_of_one():
    """And figures are those of whole batches, with the same random numbers."""
    model, most = built(), rows_at_once(SHAPE)
    model.decoder = Recording(model.decoder)
    loss, images = Loss(model, ImportanceWeighted(8)).eval(), pictures(most + 70)
    found = terms_of_each(loss, images, seed=3)
    rows = [len(z) for z in model.decoder.inputs]
    assert max(rows) <= most
    assert sum(rows) == 8 * len(images)
    noise = generator(3)
    with torch.no_grad():
        whole = [loss(part, noise=noise).terms for part in batches(images)]
    for name, values in found.items():
        expected = torch.cat([terms[name] for terms in whole]).double().numpy()
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("config", "objective", "terms"),
    [
        (SMALL, Elbo(), (DipOptions(), CapacityOptions())),
        (WAE, Reconstruction(), (MmdOptions(), DipOptions(covariance="means"), LatentNorm())),
    ],
    ids=["vae", "wae"],
)
@pytest.mark.parametrize("at_once", [1, 3])
def test_terms_of_a_batch_do_not_depend_on_how_large_the_pictures_are(
    config, objective, terms, at_once, monkeypatch
):
    """Of one picture at a time mmd was 0 and dip d. (Terms of which no random number is drawn for
    latents: these depend on how many are drawn at a time.)
    """
    loss, images = Loss(built(config), objective, terms), pictures(18)
    whole = terms_of_each(loss, images)
    monkeypatch.setattr("reparam.model.batches.LARGEST", at_once * SHAPE[0] * SHAPE[1])
    cut = terms_of_each(loss, images)
    assert cut.keys() == whole.keys()
    names = {"rate", *whole} - {"distortion", "squared_error", "loss"}
    for name in names if config is SMALL else whole:
        np.testing.assert_allclose(cut[name], whole[name], rtol=2e-4, atol=1e-4)
    extra = sum(loss.weights[name] * cut[name] for name in loss.terms)
    plain = cut["distortion"] + cut["rate"]
    np.testing.assert_allclose(cut["loss"], plain + extra, rtol=1e-5, atol=1e-4)


def test_terms_of_a_batch_are_of_many_pictures_and_never_of_a_few_that_are_left(monkeypatch):
    """500 at least; 3 of 503 are with those before them."""
    loss, images = Loss(built(), Elbo(), [DipOptions(), TotalCorrelationOptions()]), pictures(1003)
    monkeypatch.setattr("reparam.model.batches.LARGEST", 100 * SHAPE[0] * SHAPE[1])
    found = terms_of_each(loss, images)["dip"]
    assert len(np.unique(found)) == 2
    assert len(np.unique(found[:500])) == len(np.unique(found[500:])) == 1
    # latents that are as large as pictures have no more room
    monkeypatch.setattr("reparam.model.batches.LARGEST", 9 * 3)
    assert len(np.unique(terms_of_each(loss, images[:18])["dip"])) == 2


def test_a_term_of_batch_that_reads_images_is_refused_before_training():
    with pytest.raises(ConfigError, match="a term of_batch must read q, z, log_q and noise alone"):
        check_loss(SMALL, Elbo(), [ReadsImages()], InputConfig(), SHAPE)


def test_a_seed_gives_the_same_terms():
    loss, images = Loss(built(), Elbo()), pictures(20)
    first, again, other = (terms_of_each(loss, images, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first["distortion"], again["distortion"])
    assert (first["distortion"] != other["distortion"]).any()
    np.testing.assert_array_equal(first["rate"], other["rate"])


def test_mean_losses_are_the_likelihoods_units_of_the_means():
    model = built()
    images, extra = pictures(30), [MeanGrey(weight=2.0)]
    loss = Loss(model, Elbo(), extra)
    each, found = terms_of_each(loss, images), mean_losses(loss, images)
    means = {name: float(values.mean()) for name, values in each.items()}
    expected = model.likelihood.losses(means)
    rates = loss.eval()(Batch.of_bytes(torch.from_numpy(images), None, torch.arange(30))).rates
    assert found == {**expected, "dead_units": float((rates.mean(0) < DEAD).sum())}
    assert found["test_mean_grey"] == means["test_mean_grey"]
    assert found["mse"] == pytest.approx(each["squared_error"].mean() / 56)
    assert found["loss_article"] == pytest.approx(means["loss"], rel=1e-5)
    assert "dead_units" not in mean_losses(Loss(built(AE), Reconstruction()), images)


def test_dead_units_are_the_dimensions_that_tell_nothing():
    model = built()
    with torch.no_grad():
        for head in model.posterior.heads.values():
            head.weight[1].zero_()
    assert mean_losses(Loss(model, Elbo()), pictures(30))["dead_units"] >= 1
    with torch.no_grad():
        model.posterior.heads["log_var"].bias.fill_(-3.0)
        model.posterior.heads["log_var"].bias[1] = 0.0
    assert mean_losses(Loss(model, Elbo()), pictures(30))["dead_units"] == 1


class Recording(torch.nn.Module):
    """Passes on, and keeps what it sees."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.seen, self.inputs = network, [], []

    def forward(self, x, labels=None):
        self.seen.append(labels)
        self.inputs.append(x)
        return self.network(x)


@pytest.mark.parametrize("objective", [Elbo(), Reconstruction()], ids=str)
def test_labels_reach_encoder_and_decoder(objective):
    model = built()
    model.encoder, model.decoder = Recording(model.encoder), Recording(model.decoder)
    images, labels = pictures(9), np.arange(9, dtype=np.int32) % 3
    index = np.array([8, 3, 1])
    terms_of_each(Loss(model, objective), images, labels, index)
    for half in (model.encoder, model.decoder):
        (seen,) = half.seen
        assert seen.tolist() == [2, 0, 1]
        assert seen.dtype == torch.int64


def test_batches_cover_the_images_in_order():
    images = pictures(rows_at_once(SHAPE) + 5)
    labels = np.arange(len(images)) % 4
    found = list(batches(images, labels))
    assert [len(part) for part in found] == [rows_at_once(SHAPE), 5]
    pixels = torch.cat([part.images for part in found])
    np.testing.assert_allclose(pixels.permute(0, 2, 3, 1), images / 255.0, atol=1e-6)
    assert torch.cat([part.index for part in found]).tolist() == list(range(len(images)))
    np.testing.assert_array_equal(torch.cat([part.labels for part in found]), labels)
    (some,) = batches(images, index=np.array([3, 3, 0]))
    assert some.labels is None
    assert some.index.tolist() == [3, 3, 0]
    assert torch.equal(some.images[0], some.images[1])
