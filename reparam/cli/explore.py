"""reparam explore: a web page in which one moves through the latent space of runs."""

import threading
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reparam.cli.export import gathered, open_runs
from reparam.cli.flags import RUNS, Compute, parse
from reparam.errors import ConfigError, ReparamError, check_positive
from reparam.explorer import (
    ExplorerServer,
    bundle_key,
    check_page,
    is_loopback,
    keep_bundle,
    kept_bundle,
    site_files,
)
from reparam.export import BUNDLE_IMAGES as IMAGES
from reparam.export import check_table
from reparam.extras import need
from reparam.printable import note, say
from reparam.runs import Run

PORTS = range(1, 65536)


@dataclass(frozen=True)
class ExploreOptions:
    """Open a web page in which one moves through the latent space of finished runs.

    Two runs are shown side by side. The models run in the browser; nothing leaves this machine.
    What the page shows is kept in the first run's folder, and made again where a run or an option
    has changed. Ctrl-C ends it.

    Examples:
      reparam explore runs/digits-vae
      reparam explore runs/digits-ae runs/digits-vae --port 9000
    """

    runs: tuple[Path, ...] = RUNS
    """Run folders: one, or two."""

    images: int = IMAGES
    """Held-out images to show, at most."""

    columns: Path | None = None
    """A table (.csv or .parquet) with more about the images, to colour and filter by: a column file
    (or index, from 0, for images of no files) says which image a row is of."""

    browser: bool = True
    """Open the page in the browser."""

    host: str = "127.0.0.1"
    """Address to listen on; the default is reached from this machine alone."""

    port: int | None = None
    """Port to listen on; by default 8537, or any free one where that is in use."""

    quiet: bool = False
    """No progress."""

    compute: Compute = Compute("cpu")

    def __post_init__(self) -> None:
        check_positive(images=self.images)
        if self.columns is not None:
            check_table(self.columns)
        if self.port is not None and self.port not in PORTS:
            raise ConfigError(
                f"port must be a number from {PORTS.start} to {PORTS.stop - 1}, got {self.port}. "
                "Fix: choose one, such as 8537"
            )


def run(args: Sequence[str]) -> int:
    options = parse(ExploreOptions(), args, prog="reparam explore")
    need("reparam explore", "explore")
    check_page()
    runs = open_runs(options.runs)
    with ExplorerServer(options.host, options.port) as server:
        if not is_loopback(options.host):
            note(
                f"reparam: with --host {options.host} everybody who reaches this machine can see "
                "the images and take the models"
            )
        server.publish(site_files(_bundle(runs, options)))
        say(server.address)
        note("Ctrl-C ends it")
        if options.browser:  # beside: a browser in the terminal does not return until it is left
            threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            note("stopped")
    return 0


def _bundle(runs: Sequence[Run], options: ExploreOptions) -> Mapping[str, bytes]:
    """The kept bundle where it is of these runs and options; else a new one, which is then kept."""
    paths = [run.path for run in runs]
    chosen = {"images": options.images, "device": options.compute.chosen()}
    key = bundle_key(paths, {**chosen, "columns": options.columns})
    files = kept_bundle(paths, key)
    if files is None:
        files = gathered(runs, options).files
        try:
            keep_bundle(paths, key, files)
        except (OSError, ReparamError) as error:  # a folder of somebody else, a full disk
            note(f"reparam: the page's data is not kept for the next start ({error})")
    return files
