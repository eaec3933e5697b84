"""The options of commands that can search for closer latents than the encoder's."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from reparam.cli.progress import step_progress
from reparam.data import Progress
from reparam.evaluation import check_steps
from reparam.fields import option


@dataclass(frozen=True)
class Refining:
    """Whether latents are refined, and what is said meanwhile."""

    refine: int = option(0, common=True)
    """Steps that move each latent from the encoder's towards the one whose decoding is closest to
    the image and which the prior finds likely; 20 are enough for most of what there is to gain. The
    time of a training step or so each."""

    quiet: bool = option(False, common=True)
    """No progress."""

    def __post_init__(self) -> None:
        check_steps(self.refine)

    def progress(self, title: str) -> AbstractContextManager[Progress | None]:
        """What tells how far the search is; without one there is nothing to tell."""
        return step_progress(title, quiet=self.quiet or not self.refine)
