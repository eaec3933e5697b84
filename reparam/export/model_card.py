"""README.md of a model on the Hub: what it is, how it is used, what was measured."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reparam.errors import ConfigError
from reparam.evaluation import MEASURES, Scorecard, figure_text, ideal_text
from reparam.fields import option
from reparam.model import Autoencoder
from reparam.printable import as_markdown, printable
from reparam.runs import IN_MEMORY, Run, title_of

DATASETS = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
"""What the Hub calls the named sets."""

LIBRARY = "reparam"

FRONT_MATTER_START = f'---\nlibrary_name: "{LIBRARY}"'.encode()
"""Of every card of ours."""


@dataclass(frozen=True)
class CardOptions:
    """What a model card says that the run does not know."""

    license: str | None = option(None, common=True)
    """Licence of the model, as the Hub names it, such as mit or cc-by-4.0; by default none is
    stated."""

    dataset: str | None = None
    """What the Hub calls the data set, such as ylecun/mnist; known for mnist and fashion-mnist."""

    def __post_init__(self) -> None:
        if self.license is not None and not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", self.license):
            raise ConfigError(
                f"license must be a name of the Hub's, such as mit, got {self.license!r}. Fix: "
                "take one of https://huggingface.co/docs/hub/repositories-licenses"
            )
        if self.dataset is not None and not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.dataset, re.A):
            raise ConfigError(
                f"dataset must be as the Hub calls it, such as ylecun/mnist, got {self.dataset!r}. "
                "Fix: correct it"
            )


def model_card(
    run: Run,
    model: Autoencoder,
    card: Scorecard | None,
    options: CardOptions,
    pictures: Sequence[str],
    name: str | None,
) -> str:
    """Markdown with the Hub's metadata (YAML) before it.

    ``run`` is the public one. ``pictures``: files beside the card, each named as what it shows.
    ``name``: of the model on the Hub, if it has one. Text of the run and of its images is escaped.
    """
    parts = [
        _metadata(run, model, options),
        f"# {as_markdown(title_of(run.config))} of {as_markdown(_source(run))}",
        _summary(run, model),
        _usage(run, model, name),
        *_shown(pictures),
        *_losses(run),
        *_scores(card),
        _training(run),
    ]
    return "\n\n".join(parts) + "\n"


def _metadata(run: Run, model: Autoencoder, options: CardOptions) -> str:
    kind = "variational-autoencoder" if model.is_variational else "autoencoder"
    values: dict[str, object] = {"library_name": LIBRARY}
    if options.license is not None:
        values["license"] = options.license
    tags = ["reparam", kind, "image-feature-extraction"]
    values["tags"] = tags + (["conditional"] if model.classes else [])
    dataset = options.dataset or DATASETS.get(run.config.data.source)
    if dataset is not None:
        values["datasets"] = [dataset]
    lines = [f"{key}: {json.dumps(value)}" for key, value in values.items()]  # JSON is YAML
    return "\n".join(["---", *lines, "---"])


def _source(run: Run) -> str:
    return "images" if run.config.data.source == IN_MEMORY else run.config.data.source


def _summary(run: Run, model: Autoencoder) -> str:
    height, width, channels = run.facts.image_shape
    kind = "variational autoencoder" if model.is_variational else "autoencoder"
    size = f"{height} × {width} × {channels}"
    text = (
        f"A {kind} for images of {size}, with {model.latent_dim} latent dimensions. "
        f"Samples are drawn from {as_markdown(model.prior.describe())}."
    )
    if model.classes:
        names = ", ".join(map(as_markdown, run.facts.class_names))
        text += f"\n\nIt is conditional. Its classes: {names}."
    return text


def _usage(run: Run, model: Autoencoder, name: str | None) -> str:
    place = "path/to/this/folder" if name is None else name
    lines = [
        "```python",
        "import reparam",
        "",
        f"model = reparam.from_pretrained({json.dumps(place)})",
        "images = model.sample(16, seed=0)  # float32 in [0, 1], N × H × W × C",
        *([] if model.classes else ["latents = model.transform(images)  # N × d"]),
        "```",
    ]
    return "## Use\n\n" + "\n".join(lines)


def _shown(pictures: Sequence[str]) -> Iterator[str]:
    words = {
        "samples.png": ("Samples", "Decoded draws from the prior."),
        "reconstructions.png": ("Reconstructions", "Images, each above its reconstruction."),
    }
    for file in pictures:
        title, text = words[file]
        yield f"## {title}\n\n![{title}]({file})\n\n{text}"


def _losses(run: Run) -> Iterator[str]:
    """The final losses, one column for each split."""
    result = run.result()
    if result is None or not result.is_measured:
        return
    names = dict.fromkeys(name for losses in result.splits.values() for name in losses)
    rows = [
        [as_markdown(name), *(_number(losses.get(name)) for losses in result.splits.values())]
        for name in names
    ]
    yield "## Final metrics\n\n" + _table(["metric", *result.splits], rows)


def _scores(card: Scorecard | None) -> Iterator[str]:
    if card is None:
        return
    rows = [
        [
            as_markdown(f"{entry.en} ({entry.unit})" if entry.unit else entry.en),
            as_markdown(figure_text(card.find(name), entry)),
            as_markdown(ideal_text([card.find(name)], entry)),
        ]
        for name, entry in MEASURES.items()
        if card.has(name)
    ]
    yield (
        f"## Scorecard\n\nMeasured on {card.images:,} {as_markdown(card.split)} images of "
        f"{as_markdown(card.source)}, with 95 % intervals; {card.draws:,} draws from "
        f"{as_markdown(card.own.name)}. A dash: this model does not have the measure.\n\n"
        + _table(["measure", "value", "ideal"], rows)
    )


def _training(run: Run) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.facts.versions.items())
    text = f"## Training\n\nStarted {as_markdown(run.facts.created)}, with {as_markdown(versions)}."
    if run.facts.command:  # four spaces: a block that no mark can end
        text += f"\n\n    {printable(run.facts.command)}"
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}"
