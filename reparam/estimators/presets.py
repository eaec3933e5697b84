"""AE, VAE, DenoisingAE: the presets that are estimators; `load`: a run as one of them."""

from pathlib import Path

from reparam.arguments import arguments_of
from reparam.estimators.base import Estimator
from reparam.runs import Run


class AE(Estimator):
    """The article's autoencoder. Its options are those of the configuration: see the signature."""

    preset = "ae"


class VAE(Estimator):
    """The article's variational autoencoder. Its options are those of the configuration."""

    preset = "vae"


class DenoisingAE(Estimator):
    """An autoencoder that sees noisy images and is compared with the clean ones."""

    preset = "dae"


def load(path: str | Path) -> AE | VAE | DenoisingAE:
    """The fitted estimator of a run folder, with its fitted prior; its images are not needed.

    Images that it gives back are N × H × W × C, since a run does not know how X was laid out; nor
    which values were black and white, so X must be in [0, 1] again (``pixel_range``). Parts
    from a plug-in must be registered first (`load_plugin`). Raises RunError when the run is
    missing, damaged, or from a newer version.
    """
    run = Run.open(Path(path))
    model = run.load_model()
    if run.config.inputs.corrupt != "none":
        kind: type[AE | VAE | DenoisingAE] = DenoisingAE
    else:
        kind = VAE if model.is_variational else AE
    estimator = kind(**arguments_of(run.config))
    estimator._take(run, model, run.facts.image_shape)
    return estimator
