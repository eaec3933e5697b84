"""Names for combinations: presets of parts (ae, vae, ...), recipes of training (quick, ...)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reparam.errors import ConfigError, unknown_name
from reparam.model import (
    BernoulliLikelihoodOptions,
    BoxOptions,
    ChainPosteriorOptions,
    ChainPriorOptions,
    ConvolutionalDecoderOptions,
    ConvolutionalEncoderOptions,
    DeltaOptions,
    ExemplarPriorOptions,
    FlowPosteriorOptions,
    FlowPriorOptions,
    GaussianLikelihoodOptions,
    MlpDecoderOptions,
    MlpEncoderOptions,
    ModelConfig,
    SphereOptions,
    StandardNormalOptions,
    VampPriorOptions,
    VonMisesFisherOptions,
)
from reparam.objective import (
    DecoderGradientOptions,
    DipOptions,
    Elbo,
    FactorOptions,
    ImportanceWeighted,
    InputConfig,
    LatentAdversarialOptions,
    LatentNormOptions,
    MmdOptions,
    Objective,
    Reconstruction,
    SemiSupervised,
    TotalCorrelationOptions,
)
from reparam.runs.config import RunConfig, TrainingConfig
from reparam.runs.resolving import resolve


@dataclass(frozen=True)
class Preset:
    """A named combination of parts; ``title`` is what a report calls the model."""

    title: str
    config: RunConfig
    follows_images: bool = True
    """Whether the recipe `auto` may choose its networks and latent size by the images."""


AE = ModelConfig(
    encoder=ConvolutionalEncoderOptions(order="act-norm"),
    posterior=DeltaOptions(),
    prior=BoxOptions(),
)

AE_OF_NORMAL_LATENTS = replace(
    AE, prior=StandardNormalOptions(), likelihood=GaussianLikelihoodOptions(weight=1000.0)
)

BURDA = ModelConfig(
    latent_dim=50,
    encoder=MlpEncoderOptions(),
    decoder=MlpDecoderOptions(),
    likelihood=BernoulliLikelihoodOptions(),
)

GATED = replace(
    BURDA,
    latent_dim=40,
    encoder=MlpEncoderOptions((300, 300), "gated"),
    decoder=MlpDecoderOptions((300, 300), "gated"),
)


def _binary(title: str, model: ModelConfig, objective: Objective = Elbo()) -> Preset:  # noqa: B008
    """Of black and white images, which grey ones become by chance; its networks stay."""
    inputs = InputConfig(binarise="dynamic")
    config = RunConfig(model=model, objective=objective, inputs=inputs)
    return Preset(title, config, follows_images=False)


PRESETS: Mapping[str, Preset] = {
    "ae": Preset("AE", RunConfig(model=AE, objective=Reconstruction())),
    "vae": Preset("VAE", RunConfig()),
    "dae": Preset(
        "denoising AE",
        RunConfig(
            model=replace(AE, latent_dim=32),
            objective=Reconstruction(),
            inputs=InputConfig(corrupt="gaussian"),
        ),
    ),
    "rae": Preset(
        "regularised AE",
        RunConfig(
            model=replace(AE, latent_dim=16),
            objective=Reconstruction(),
            terms=(LatentNormOptions(), DecoderGradientOptions()),
            training=TrainingConfig(fitted_prior="mixture"),
        ),
    ),
    "aae": Preset(
        "adversarial AE",
        RunConfig(
            model=AE_OF_NORMAL_LATENTS,
            objective=Reconstruction(),
            terms=(LatentAdversarialOptions(),),
        ),
    ),
    "factor": Preset("FactorVAE", RunConfig(terms=(FactorOptions(),))),
    "ae-functional": Preset(
        "AE (second form)",
        RunConfig(
            model=replace(
                AE,
                encoder=ConvolutionalEncoderOptions(batch_norm=True),
                decoder=ConvolutionalDecoderOptions(
                    filters=(64, 64, 64, 32),
                    kernels=(3, 3, 3, 3, 3),
                    strides=(1, 2, 2, 1, 1),
                    batch_norm=True,
                    order="norm-act",
                    output_activation="tanh",
                ),
            ),
            objective=Reconstruction(),
        ),
        follows_images=False,
    ),
    "burda": _binary("VAE of Burda et al.", BURDA),
    "chain": _binary(
        "VAE with two stochastic layers",
        replace(
            BURDA,
            latent_dim=150,
            posterior=ChainPosteriorOptions(),
            prior=ChainPriorOptions(),
        ),
    ),
    "flow-prior": _binary("VAE with a flow prior", replace(BURDA, prior=FlowPriorOptions())),
    "iaf": _binary(
        "VAE with an inverse autoregressive flow", replace(BURDA, posterior=FlowPosteriorOptions())
    ),
    "iwae": _binary("IWAE", BURDA, objective=ImportanceWeighted()),
    "cvae": Preset("conditional VAE", RunConfig(model=ModelConfig(classes="auto"))),
    "m2": _binary(
        "semi-supervised VAE (M2)",
        replace(BURDA, classes="auto", classifier=True),
        objective=SemiSupervised(),
    ),
    "svae": _binary(
        "hyperspherical VAE",
        replace(
            BURDA,
            latent_dim=11,
            encoder=MlpEncoderOptions((256, 128), "relu"),
            decoder=MlpDecoderOptions((128, 256), "relu"),
            posterior=VonMisesFisherOptions(),
            prior=SphereOptions(),
        ),
    ),
    "vamp": _binary("VAE with a VampPrior", replace(GATED, prior=VampPriorOptions())),
    "chain-vamp": _binary(
        "VAE with two stochastic layers and a VampPrior",
        replace(
            GATED,
            latent_dim=80,
            posterior=ChainPosteriorOptions((300, 300), "gated"),
            prior=ChainPriorOptions((300, 300), "gated", components=500),
        ),
    ),
    "exemplar": _binary("Exemplar VAE", replace(GATED, prior=ExemplarPriorOptions())),
    "wae": Preset(
        "WAE (MMD)",
        RunConfig(
            model=AE_OF_NORMAL_LATENTS,
            objective=Reconstruction(),
            terms=(MmdOptions(weight=10.0),),
        ),
    ),
    "info-vae": Preset(
        "InfoVAE",
        RunConfig(objective=Elbo(rate_weight=0.5), terms=(MmdOptions(weight=10.0),)),
    ),
    "beta-tc": Preset("β-TCVAE", RunConfig(terms=(TotalCorrelationOptions(weight=5.0),))),
    "dip": Preset("DIP-VAE", RunConfig(terms=(DipOptions(weight=10.0),))),
}
"""In the order of docs/models.md.

ae, vae: the article's autoencoder and variational autoencoder; dae: a denoising AE; ae-functional:
the article's second form. rae: regularised AE (Ghosh et al. 2020), with a mixture fitted to its
latents. wae: latents like N(0, I) by their discrepancy (Tolstikhin et al. 2018; λ = 10 as theirs
for MNIST, against a squared error 1000 · MSE). aae: the same by a discriminator (Makhzani et al.
2016). info-vae: eq. 6 of Zhao et al. 2019 with α = 0.5 and λ = 10.5, our choice. beta-tc: Chen et
al. 2018 with β = 6. factor: Kim & Mnih 2018. dip: DIP-VAE-II of Kumar et al. 2018. cvae: encoder
and decoder conditional on the class (Sohn et al. 2015). m2: classes known in part (Kingma et al.
2014, eq. 9). burda: the VAE with one stochastic layer of Burda et al. 2016, section 5, on black
and white images; iwae: with several latents for each image;
chain: with two stochastic layers; iaf: a flow posterior (Kingma et al. 2016). svae: latents on a
sphere (Davidson et al. 2018, section 5.2). vamp: the VampPrior of Tomczak & Welling 2018, section
5; chain-vamp: with two layers (ibid., section 4, but q(z2|z1)); exemplar: Norouzi et al. 2020.
flow-prior: burda with a flow for a prior (Chen et al. 2017).
"""

RECIPES: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "plain": {},
    "quick": {
        "training": {
            "epochs": 30,
            "batch_size": 128,
            "optimiser": "muon",
            "learning_rate": 4e-3,
            "schedule": "one-cycle",
            "warm_up": 0.3,
            "output_bias": "mean",
            "rate_warm_up": 0.7,
            "shift": 1.0,
            "rotate": 10.0,
            "augment_until": 0.8,
        },
    },
    "article": {
        "data": {"train_size": 2000, "valid_fraction": 0.0},
        "training": {"epochs": 200, "batch_size": 32, "learning_rate": 5e-4},
    },
}
"""What each recipe changes.

quick: one cycle of Muon, 30 epochs, and small shifts and rotations where images are few: the
fastest recipe we found (docs/log.md). plain: constant Adam, 30 epochs. article: the first 2,000
images, 200 epochs, the last weights, as the article does.
"""

DEFAULT_RECIPE = "quick"


def title_of(config: RunConfig) -> str:
    """What a report calls a model."""
    preset = PRESETS.get(config.preset)
    return preset.title if preset else config.preset


def preset_config(preset: str = "vae", recipe: str = DEFAULT_RECIPE) -> RunConfig:
    """The configuration that a preset and a recipe name. Raises ConfigError for an unknown name."""
    if preset not in PRESETS:
        raise ConfigError(unknown_name("model", preset, PRESETS))
    if recipe not in RECIPES:
        raise ConfigError(unknown_name("recipe", recipe, RECIPES))
    config = replace(PRESETS[preset].config, preset=preset)
    return resolve(config, [(f"recipe {recipe}", RECIPES[recipe])])
