"""The semi-supervised objective: by hand, class by class, and on a set that it must learn."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from torch import distributions

from reparam import VAE
from reparam.data import (
    Batch,
    DataConfig,
    ImageSet,
    from_bytes,
    image_set_from_arrays,
)
from reparam.errors import ConfigError, DataError
from reparam.evaluation import decode, encode, reconstruct
from reparam.model import (
    Autoencoder,
    BernoulliLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    build_autoencoder,
)
from reparam.objective import Elbo, InputConfig, Loss, Losses, SemiSupervised
from reparam.runs import Run, RunConfig, TrainingConfig
from reparam.training import train
from reparam.training.step import Plan

CLASSES, SHAPE = 3, (6, 5, 1)
MODEL = ModelConfig(
    latent_dim=2,
    classes=CLASSES,
    classifier=True,
    encoder=MlpEncoderOptions((12,)),
    decoder=MlpDecoderOptions((12,)),
    likelihood=BernoulliLikelihoodOptions(),
)
LABELS = torch.tensor([0, -1, 2, -1])
UNKNOWN = LABELS < 0


def model_of(seed: int = 0, labelled: float = 0.5) -> Autoencoder:
    """With a classifier that is far from uniform."""
    torch.manual_seed(seed)
    model = build_autoencoder(MODEL, SHAPE)
    assert model.classifier is not None
    model.classifier.labelled.fill_(labelled)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


def batch_of(labels: torch.Tensor | None, seed: int = 0) -> Batch:
    noise = torch.Generator().manual_seed(seed)
    images = (torch.rand((4, 1, 6, 5), generator=noise) < 0.5).float()
    return Batch(images, labels, torch.arange(4))


def losses_of(model: Autoencoder, batch: Batch, objective: SemiSupervised, seed: int = 5) -> Losses:
    return Loss(model, objective)(batch, noise=torch.Generator().manual_seed(seed))


def negative_elbos(model: Autoencoder, batch: Batch, seed: int = 5) -> torch.Tensor:
    """−ELBO of log p(x|y) of each image and class (B, K), by torch's distributions, with the same
    draws of z."""
    noise, found = torch.Generator().manual_seed(seed), []
    for y in range(CLASSES):
        labels = torch.full((4,), y)
        moments = model.infer(batch.images, labels).moments()
        q = distributions.Normal(moments["mu"], (moments["log_var"] / 2).exp())
        z = q.loc + q.scale * torch.randn(q.loc.shape, generator=noise)
        bits = distributions.Bernoulli(logits=model.decoded(z, labels))
        log_p = bits.log_prob(batch.images).flatten(1).sum(1)
        kl = distributions.kl_divergence(q, distributions.Normal(0.0, 1.0)).sum(1)
        found.append(kl - log_p)
    return torch.stack(found, 1)


@given(st.integers(0, 2**31))
@settings(max_examples=20)
@torch.no_grad()
def test_each_image_by_hand(seed: int) -> None:
    """Where y is known −ELBO of log p(x|y) − log p(y) + α CE / labelled, or else the sum over the
    classes of q(y|x) L(x, y), less the entropy of q(y|x)."""
    model = model_of(seed, labelled=0.25)
    batch = batch_of(LABELS, seed)
    found = losses_of(model, batch, SemiSupervised(alpha=0.7))
    costs = negative_elbos(model, batch) + math.log(CLASSES)
    q = distributions.Categorical(logits=model.classifier(batch.images))
    unlabelled = (q.probs * costs).sum(1) - q.entropy()
    labelled = costs.gather(1, LABELS.clamp(0)[:, None])[:, 0]
    cross_entropy = torch.where(UNKNOWN, 0.0, -q.log_prob(LABELS.clamp(0)))
    loss = torch.where(UNKNOWN, unlabelled, labelled)
    torch.testing.assert_close(found.terms["loss"], loss)
    torch.testing.assert_close(found.objective, loss + 0.7 * cross_entropy / 0.25)
    torch.testing.assert_close(found.terms["class_cross_entropy"], cross_entropy)
    wrong = (q.probs.argmax(1) != LABELS) & ~UNKNOWN
    assert found.terms["class_error"].tolist() == wrong.float().tolist()
    assert found.terms["labelled"].tolist() == [1, 0, 1, 0]
    parts = found.terms["distortion"] + found.terms["rate"] + found.terms["class_rate"]
    torch.testing.assert_close(found.terms["loss"], parts)


@torch.no_grad()
def test_the_bound_of_an_image_without_a_label_is_tight_at_the_best_q() -> None:
    """loss + ln Σ_y p(y) exp(−L(x, y)) is KL of q(y|x) and what these costs make of p(y): 0 or
    more."""
    model, batch = model_of(), batch_of(None)
    costs = negative_elbos(model, batch)
    best = distributions.Categorical(logits=-costs)
    q = distributions.Categorical(logits=model.classifier(batch.images))
    evidence = torch.logsumexp(-costs - math.log(CLASSES), 1)
    gap = losses_of(model, batch, SemiSupervised()).terms["loss"] + evidence
    torch.testing.assert_close(gap, distributions.kl_divergence(q, best))


def test_gradients_reach_the_classifier() -> None:
    """Of images without a label always, of others by their cross-entropy alone."""

    def slopes(labels: torch.Tensor | None, alpha: float) -> float:
        model = model_of()
        losses_of(model, batch_of(labels), SemiSupervised(alpha)).objective.mean().backward()
        return sum(p.grad.abs().sum().item() for p in model.classifier.parameters())

    assert slopes(None, 0.0) > 0.01
    assert slopes(torch.tensor([0, 1, 2, 0]), 0.1) > 0.01
    assert slopes(torch.tensor([0, 1, 2, 0]), 0.0) == 0


def test_reported_means_are_of_the_images_with_a_label() -> None:
    found = SemiSupervised().reported(
        {"loss": 5.0, "labelled": 0.25, "class_error": 0.1, "class_cross_entropy": 0.2}
    )
    assert found == pytest.approx(
        {"loss": 5.0, "labelled": 0.25, "class_error": 0.4, "class_cross_entropy": 0.8}
    )
    none = {"loss": 5.0, "labelled": 0.0, "class_error": 0.0, "class_cross_entropy": 0.0}
    assert SemiSupervised().reported(none) == {"loss": 5.0, "labelled": 0.0}


def test_parts_that_do_not_go_together_are_refused() -> None:
    for objective, model in (
        (SemiSupervised(), replace(MODEL, classifier=False)),
        (Elbo(), MODEL),
    ):
        with pytest.raises(ConfigError, match="classifier for objective"):
            RunConfig(model=model, objective=objective)
    for alpha in (-1.0, math.nan):
        with pytest.raises(ConfigError, match="alpha must be"):
            SemiSupervised(alpha)
    with pytest.raises(ConfigError, match="a classifier must have classes"):
        replace(MODEL, classes=0)


def test_images_without_a_label_take_the_classifiers() -> None:
    model = model_of().eval()
    images = np.random.default_rng(0).integers(0, 256, (9, *SHAPE), np.uint8)
    own = np.array([0, 1, 2] * 3)
    with torch.no_grad():
        found = model.classifier(from_bytes(torch.from_numpy(images))).argmax(1).numpy()
    mixed = np.where(np.arange(9) < 4, own, -1)
    read = np.where(mixed < 0, found, own)
    assert (found != own).any()
    for function in (encode, reconstruct):
        np.testing.assert_array_equal(function(model, images), function(model, images, found))
        np.testing.assert_array_equal(function(model, images, mixed), function(model, images, read))
        assert (function(model, images, own) != function(model, images, read)).any()
    with pytest.raises(DataError, match="labels must be from 0 to 2"):
        decode(model, np.zeros((9, 2), np.float32), mixed)


def noisy_patterns() -> tuple[ImageSet, np.ndarray]:
    """600 images of 8 × 8, each one of four patterns with 3 of 10 pixels inverted. Of 500 for
    training two of each class have a label."""
    rng = np.random.default_rng(1)
    patterns, classes = rng.random((4, 8, 8)) < 0.5, np.arange(600) % 4
    images = (patterns[classes] ^ (rng.random((600, 8, 8)) < 0.3)) * np.uint8(255)
    labels = np.where(np.arange(600) < 500, -1, classes)
    labels[:8] = classes[:8]
    splits = {"train": np.arange(500), "valid": np.arange(0), "test": np.arange(500, 600)}
    found = image_set_from_arrays(images, labels, name="patterns", config=DataConfig())
    return replace(found, splits=splits), classes


def test_images_without_a_label_teach_the_classes(tmp_path) -> None:
    """Eight labels among 500 images: linear classifiers of the eight are wrong much more often."""
    images, classes = noisy_patterns()
    alone = LogisticRegression().fit(images.images[:8].reshape(8, -1) / 255, classes[:8])
    test = images.splits["test"]
    found = alone.predict(images.images[test].reshape(100, -1) / 255)
    error = float((found != classes[test]).mean())
    config = RunConfig(
        model=replace(MODEL, classes="auto"),
        objective=SemiSupervised(alpha=1.0),
        inputs=InputConfig(binarise="dynamic"),
        training=TrainingConfig(epochs=40, batch_size=50, learning_rate=1e-2, sample_every=0),
    )
    run = Run.create(tmp_path / "run", config, images, command="test", overwrite=False)
    model = train(run, images)
    splits = run.result().splits
    assert model.classifier.labelled == pytest.approx(8 / 500)
    assert splits["train"]["labelled"] == pytest.approx(8 / 500)
    assert splits["test"]["class_error"] < 0.15 < 0.25 < error


def test_an_estimator_tells_how_probable_each_class_is() -> None:
    patterns, classes = noisy_patterns()
    images, some = patterns.images[:60, ..., 0], np.where(np.arange(60) % 5, classes[:60], -1)
    parts = {"encoder": "mlp", "decoder": "mlp", "likelihood": "bernoulli", "latent_dim": 2}
    few = {"objective": "semi-supervised", "classes": "auto", "classifier": True}
    model = VAE(**parts, **few, epochs=1, quiet=True)
    with pytest.raises(NotFittedError):
        model.predict_proba(images)
    model.fit(images, some)
    found = model.predict_proba(images)
    assert found.shape == (60, len(model.class_names_))
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    x = from_bytes(torch.from_numpy(images[..., None]))
    with torch.no_grad():
        logits = model.model_.classifier(x)
    np.testing.assert_allclose(found, logits.softmax(1), atol=1e-6)
    assert not hasattr(VAE(**parts), "predict_proba")


def test_the_rate_counts_in_full_from_the_first_step_on() -> None:
    training = TrainingConfig(rate_warm_up=0.5)
    first = Plan.at(training, Loss(model_of(), SemiSupervised()), 0.0)
    assert first.rate_weight == 1
    unconditional = build_autoencoder(replace(MODEL, classes=0, classifier=False), SHAPE)
    assert Plan.at(training, Loss(unconditional, Elbo()), 0.0).rate_weight < 0.1
