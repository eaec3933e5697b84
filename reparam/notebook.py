"""explore: the explorer's page of a model and of images, in a notebook."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch.utils.data import Dataset

from reparam._version import __version__
from reparam.data import (
    UNKNOWN,
    DataConfig,
    ImageSet,
    as_labels,
    image_set_from_arrays,
    items_of_dataset,
)
from reparam.errors import ConfigError
from reparam.estimators import Estimator, labels_for, whole
from reparam.evaluation import check_images, labels_or_none, rows_to_pixels
from reparam.explorer import check_page, single_file
from reparam.export import BUNDLE_IMAGES, bundle_of, held_out_views
from reparam.extras import need
from reparam.model import Autoencoder
from reparam.runs import (
    IN_MEMORY,
    SPLIT_IMAGES,
    Epoch,
    Facts,
    Result,
    Run,
    preset_config,
    ready_to_view,
    view_of,
)

if TYPE_CHECKING:
    from reparam.explorer import ExplorerWidget

HEIGHTS = range(200, 4001)


def explore(
    vae: object,
    images: object = None,
    labels: object = None,
    *,
    training_images: bool = False,
    height: int = 720,
) -> "ExplorerWidget":
    """The explorer's page as a widget: the last line of a notebook's cell shows it.

    ``vae``: a fitted estimator, a model, a run, or its folder. ``images``: those that are shown, as
    ``transform`` takes them (an ImageSet or a PyTorch Dataset, too), with ``labels`` that the map
    is coloured by and that a conditional model reads; a run's own held-out images by default.
    ``training_images``: a run's random draws are shown beside the training images nearest to them,
    which are then in the notebook. ``height``: of the page, in CSS pixels.

    The model runs in the browser, and nothing is loaded from elsewhere. The widget has
    ``selection``, which images are selected, and ``z``, the latent that is decoded. Images and
    model are in the page, and so in a notebook that is saved with its widgets.

    Raises ConfigError without the extra ``notebook``, PageError where the page was not built, what
    ``transform`` raises for images, and RunError for a run that is unfinished.
    """
    need("reparam.explore", "notebook")
    check_page()
    height = whole(height, "height", HEIGHTS)
    run, model, result, metrics = _parts(vae)
    if images is None:
        if labels is not None:
            raise ConfigError(
                "labels must come with images, got labels alone. Fix: pass images too"
            )
        if not isinstance(vae, str | Path | Run):
            raise ConfigError(
                f"images must be given to explore {type(vae).__name__}, got none. Fix: pass images"
            )
        (view,) = held_out_views([run], images=BUNDLE_IMAGES)
        source = None
    else:
        shown = _shown(vae, model, run.facts.class_names, images, labels)
        own = {split: losses for split, losses in result.splits.items() if split == "train"}
        unseen = replace(result, splits={"train": {SPLIT_IMAGES: 0}, **own})
        view = view_of(run, model, unseen, metrics, shown, points=len(shown))
        source = images.name if isinstance(images, ImageSet) else IN_MEMORY
    bundle = bundle_of([view], training_images=training_images, source=source)

    from reparam.explorer import ExplorerWidget  # brings anywidget

    page = single_file(bundle.files)
    return ExplorerWidget(page, images=len(view.images), latent_dim=model.latent_dim, height=height)


def _parts(vae: object) -> tuple[Run, Autoencoder, Result, list[Epoch]]:
    """The run, its model on the CPU, and what is known of the training."""
    if isinstance(vae, str | Path):
        vae = Run.open(Path(vae))
    if isinstance(vae, Run):
        result, metrics, model = ready_to_view(vae)
        return vae, model, result, metrics
    if isinstance(vae, Autoencoder):
        return _unknown_run(vae), _on_cpu(vae), _unknown_result(), []
    if isinstance(vae, Estimator):
        model = _on_cpu(vae._fitted())
        history = [Epoch.from_mapping(line, "history_") for line in vae.history_]
        return vae.run_, model, vae.result_ or _unknown_result(), history
    raise ConfigError(
        "vae must be a fitted estimator, a model, a run or its folder, got "
        f"{type(vae).__name__}. Fix: pass one, such as VAE().fit(images)"
    )


def _on_cpu(model: Autoencoder) -> Autoencoder:
    """A copy, as ``Run.load_model`` gives it."""
    return copy.deepcopy(model).cpu().float().eval()


def _unknown_run(model: Autoencoder) -> Run:
    """For a model of which nobody knows how it was trained; it has no folder."""
    config = preset_config("vae" if model.is_variational else "ae")
    classes = tuple(map(str, range(model.classes)))
    facts = Facts(model.image_shape, classes, "", {"reparam": __version__}, "", "")
    return Run(Path("model"), config, facts)


def _unknown_result() -> Result:
    return Result(
        epochs=0,
        best_epoch=0,
        seconds=0.0,
        images_per_second=0.0,
        device="cpu",
        precision="float32",
        kernels="",
        splits={"train": {SPLIT_IMAGES: 0}},
    )


def _shown(
    vae: object, model: Autoencoder, class_names: tuple[str, ...], images: object, labels: object
) -> ImageSet:
    """All of the images in their order, as a split that is held out."""
    if isinstance(images, ImageSet):
        found = images
        if labels is not None:
            given, names = as_labels(labels, len(images), None, "labels")
            found = replace(images, labels=given, class_names=names)
    else:
        own = None
        if isinstance(images, Dataset):
            pixels, own = items_of_dataset(images, "images")
        elif isinstance(vae, Estimator):
            pixels, _ = vae._to_pixels(images, model.image_shape)
        else:
            pixels, _ = rows_to_pixels(images, model.image_shape)
        known = own if labels is None else labels_or_none(labels, len(pixels))
        config = DataConfig(source=IN_MEMORY)
        found = image_set_from_arrays(pixels, known, name="images", config=config)
    check_images(model, found.images[:1])
    if model.classes:
        among = labels_for(model, class_names, None, len(found.images), found, type(vae).__name__)
        if among is None:  # the classifier finds them
            among = np.full(len(found.images), UNKNOWN)
        found = replace(found, labels=among, class_names=class_names)
    none = np.zeros(0, np.int64)
    return replace(
        found, splits={"train": none, "valid": none, "test": np.arange(len(found.images))}
    )
