"""The plain PyTorch peer is the package's network, up to a mirror image."""

import pytest
import torch
from peers.network import VAE
from torch import nn

from reparam.data import Batch
from reparam.model import (
    Autoencoder,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    ModelConfig,
    build_autoencoder,
    layer_table,
)
from reparam.objective import Elbo, Loss
from reparam.training import gradient_step


def mirrored(x: torch.Tensor) -> torch.Tensor:
    return x.flip(2, 3)


def carry(model: Autoencoder, plain: VAE) -> None:
    """The package's weights into the plain network, for mirror images."""

    def of(half: nn.Module, kinds: tuple[type, ...]) -> list[nn.Module]:
        return [module for module in half.modules() if isinstance(module, kinds)]

    with torch.no_grad():
        for half, layers in (
            (model.encoder, plain.encoder.features),
            (model.decoder, plain.decoder.layers),
        ):
            convolutions = of(layers, (nn.Conv2d, nn.ConvTranspose2d))
            norms = of(layers, (nn.BatchNorm2d,))
            own = dict(half.named_parameters())
            for i, layer in enumerate(convolutions):
                layer.weight.copy_(mirrored(own[f"blocks.{i}.0.weight"]))
                layer.bias.copy_(own[f"blocks.{i}.0.bias"])
            for i, norm in enumerate(norms):
                norm.weight.copy_(own[f"blocks.{i}.1.norm.weight"])
                norm.bias.copy_(own[f"blocks.{i}.1.norm.bias"])
        own = dict(model.named_parameters())
        channels, rows, columns = model.encoder.feature_shape
        for name, head in (("mu", plain.encoder.mu), ("log_var", plain.encoder.log_var)):
            weight = own[f"posterior.heads.{name}.weight"].unflatten(1, (rows, columns, channels))
            head.weight.copy_(mirrored(weight.permute(0, 3, 1, 2)).flatten(1))
            head.bias.copy_(own[f"posterior.heads.{name}.bias"])
        dense = plain.decoder.layers[0]
        for name, target in (("weight", dense.weight), ("bias", dense.bias)):
            values = own[f"decoder.dense.{name}"].unflatten(0, (rows, columns, channels))
            target.copy_(values.flip(0, 1).movedim(2, 0).flatten(0, 2))


def article(batch_norm: bool, dropout: float = 0.0) -> ModelConfig:
    """The article's VAE, whose weight is 1000."""
    return ModelConfig(
        encoder=ConvolutionalEncoderOptions(batch_norm=batch_norm, dropout=dropout),
        decoder=ConvolutionalDecoderOptions(batch_norm=batch_norm, dropout=dropout),
    )


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_same_loss_and_gradient_for_the_same_weights(batch_norm):
    torch.manual_seed(0)
    model = build_autoencoder(article(batch_norm), (28, 28, 1)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:  # not all 0 or 1
                parameter += 0.2 * torch.rand_like(parameter)
    plain = VAE(batch_norm).train()
    carry(model, plain)
    x = torch.rand(6, 1, 28, 28)

    torch.manual_seed(1)
    own = gradient_step(Loss(model, Elbo()), Batch(x, None, torch.arange(6))).objective.mean()
    torch.manual_seed(1)
    loss = plain.loss(mirrored(x))
    assert loss.item() == pytest.approx(own.item(), rel=1e-5)

    loss.backward()
    ours = dict(model.named_parameters())["encoder.blocks.0.0.weight"].grad
    theirs = plain.encoder.features[0].weight.grad
    assert torch.allclose(mirrored(theirs), ours, rtol=1e-3, atol=1e-4 * ours.abs().max())


def test_dropout_is_behind_the_same_layers():
    model = build_autoencoder(article(True, 0.25), (28, 28, 1))
    own = [row.half for row in layer_table(model) if row.layer == "dropout 0.25"]
    plain = VAE(True, 0.25)
    for half in ("encoder", "decoder"):
        rates = [m.p for m in getattr(plain, half).modules() if isinstance(m, nn.Dropout)]
        assert rates == [0.25] * own.count(half)
