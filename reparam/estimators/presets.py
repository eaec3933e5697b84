"""AE, VAE, DenoisingAE: the presets that are estimators; a run, or a model on the Hub, as one."""

from pathlib import Path

from reparam import export
from reparam.arguments import arguments_of
from reparam.estimators.base import Estimator
from reparam.runs import Run


class AE(Estimator):
    """The article's autoencoder. Most of its arguments are options of `reparam train`."""

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


def from_pretrained(
    name: str | Path, *, revision: str | None = None, token: str | None = None
) -> AE | VAE | DenoisingAE:
    """The fitted estimator of a run folder, or of a model on the Hugging Face Hub, user/name.

    A folder that exists comes first. ``revision``: a branch, tag or commit of the model on the Hub;
    ``token``: else HF_TOKEN, or the one of `hf auth login`. The files are kept in the cache of
    huggingface_hub, and nothing in them is executed. Raises what ``load`` raises, and HubError
    where the Hub refuses, cannot be reached, or has no usable run of that name.
    """
    if Path(name).exists() or not export.is_hub_name(str(name)):
        return load(name)
    return load(export.fetch(str(name), revision=revision, token=token))
