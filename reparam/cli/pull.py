"""reparam pull: a run from the Hugging Face Hub."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.cli.flags import parse
from reparam.export import check_hub, pull
from reparam.fields import option
from reparam.printable import say


@dataclass(frozen=True)
class PullOptions:
    """Bring a run from the Hugging Face Hub, to be used as any other.

    Its files are checked as those of any run; nothing in them is executed. Images are not part of
    it. Needs the extra hub; for private models also a token: HF_TOKEN, or `hf auth login`.

    Examples:
      reparam pull someone/digits-vae
      reparam pull someone/digits-vae --revision v2 --out runs/digits-v2
    """

    name: str = option("", positional="USER/NAME", required=True)
    """Of the model on the Hub."""

    out: Path | None = None
    """The new run folder; by default runs/NAME."""

    revision: str | None = None
    """A branch, a tag or a commit of it; by default the newest."""


def run(args: Sequence[str]) -> int:
    options = parse(PullOptions(), args, prog="reparam pull")
    check_hub(options.name)
    out = options.out or Path("runs", options.name.partition("/")[2])
    pull(options.name, out, revision=options.revision)
    say(out)
    return 0
