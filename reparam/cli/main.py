"""The command ``reparam``: finds the subcommand, and turns every known error into one line."""

import gc
import importlib
import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import platformdirs

from reparam._version import __version__
from reparam.errors import ConfigError, LostError, ReparamError, is_of_memory, unknown_name
from reparam.printable import note, print_lines, say
from reparam.registry import load_plugin


class Command(NamedTuple):
    """A command: the module with its ``run``, what it does, and the job that it is for."""

    module: str
    summary: str
    job: str


COMMANDS: Mapping[str, Command] = {
    "demo": Command("demo", "train the AE and the VAE on the same images, and a report", "train"),
    "train": Command("train", "train one model on a set of images", "train"),
    "resume": Command("resume", "continue a run that stopped, or train it further", "train"),
    "relocate": Command("relocate", "say where a run's images are, after they moved", "train"),
    "sweep": Command("sweep", "train and score a model for every value of an option", "train"),
    "info": Command("info", "what a run or a set of images holds", "look"),
    "report": Command("report", "the figures and the report of runs that exist", "look"),
    "explore": Command("explore", "move through the latent space of runs, on a web page", "look"),
    "neighbours": Command("neighbours", "the pictures nearest to others in latent space", "look"),
    "cache": Command("cache", "what is kept of decoded pictures: list, verify, clear", "look"),
    "sample": Command("sample", "new images from the prior", "use"),
    "reconstruct": Command("reconstruct", "images through encoder and decoder", "use"),
    "denoise": Command("denoise", "the noise out of images, with PSNR and SSIM", "use"),
    "encode": Command("encode", "images to latents, as CSV, Parquet, .npy or .npz", "use"),
    "decode": Command("decode", "latents to images", "use"),
    "fit-prior": Command("fit_prior", "a prior fitted to what the trained encoder does", "use"),
    "anomaly": Command("anomaly", "train on good pictures, find what differs from them", "use"),
    "score": Command("score", "measure the latent space and the decodes of runs", "compare"),
    "compare": Command("compare", "several runs or seeds side by side, with verdicts", "compare"),
    "export": Command("export", "as ONNX, a web site, or a web page in one file", "share"),
    "push": Command("push", "a run to the Hugging Face Hub, with a model card", "share"),
    "pull": Command("pull", "a run from the Hugging Face Hub", "share"),
}

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
EXIT_CLOSED_PIPE = 141


def _overview() -> str:
    lines = [
        "usage: reparam COMMAND ...",
        "",
        "Train autoencoders (AE) and variational autoencoders (VAE) on images, explore",
        "their latent space, export or share the result. Start with: reparam demo",
        "",
        *_by_job(),
        "  reparam COMMAND --help   usual options and examples (--help-all: every one)",
        "  --plugin FILE            a Python file that registers parts (any command)",
        "  reparam --version        the version",
    ]
    return "\n".join(lines)


def _by_job() -> Iterator[str]:
    for job, names in itertools.groupby(COMMANDS, key=lambda name: COMMANDS[name].job):
        yield f"{job}:"
        yield from (f"  {name:12} {COMMANDS[name].summary}" for name in names)
        yield ""


def run(args: Sequence[str]) -> int:
    """Runs one command line. Raises ReparamError for what its user can fix."""
    return _found(args)()


def _found(args: Sequence[str]) -> Callable[[], int]:
    """What a command line is to do, with all that it needs imported."""
    args = _without_plugins(args)
    if not args or args[0] in ("-h", "--help", "--help-all", "help"):
        return partial(_say_overview, 0 if args else EXIT_USAGE)
    if args[0] in ("--version", "-V"):
        return _say_version
    if args[0] not in COMMANDS:
        raise ConfigError(unknown_name("command", args[0], COMMANDS, "reparam --help"))
    name, *rest = args
    command: Callable[[Sequence[str]], int]
    command = importlib.import_module(f"reparam.cli.{COMMANDS[name].module}").run
    return partial(command, rest)


def _say_overview(status: int) -> int:
    print_lines(_overview())
    return status


def _say_version() -> int:
    say(f"reparam {__version__}")
    return 0


def _without_plugins(args: Sequence[str]) -> list[str]:
    """The words without ``--plugin FILE``, once the files are imported."""
    rest: list[str] = []
    words = iter(args)
    for word in words:
        flag, equals, file = word.partition("=")
        if flag != "--plugin":
            rest.append(word)
            continue
        file = file if equals else next(words, "")
        if not file:
            raise ConfigError("--plugin must be a Python file, got nothing. Fix: name it")
        load_plugin(file)
    return rest


def _warning_lines() -> Callable[..., None]:
    """What shows a warning: a line for the person at the keyboard, without the place in our code,
    and once, however often the command comes by there.
    """
    said: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = " ".join(str(message).split())  # libraries' are of several lines
        if text not in said:
            said.add(text)
            note(f"reparam: {text}")

    return show


@contextmanager
def _modules_stay() -> Iterator[None]:
    """Nobody looks for garbage among what is imported within: it stays to the end of the process,
    and each look at it takes a tenth of a second (docs/log.md).
    """
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def main() -> int:
    """The console script. Exit status: 0 done, 2 a mistake that one can fix, 130 interrupted."""
    # Nothing is written but where the user said and here; a report does not depend on their style.
    own = platformdirs.user_cache_path("reparam")
    os.environ.setdefault("MPLCONFIGDIR", str(own / "matplotlib"))
    os.environ.setdefault("HF_XET_CACHE", str(own / "xet"))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(own / "torchinductor"))
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no σ shows ?
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    warnings.showwarning = _warning_lines()
    try:
        with _modules_stay():
            command = _found(sys.argv[1:])
        return command()
    except ReparamError as error:
        note(f"reparam: error: {error}")
        if isinstance(error, LostError):  # threads of the broken connection would abort the exit
            os._exit(EXIT_USAGE)
        return EXIT_USAGE
    except KeyboardInterrupt as stop:
        if message := str(stop):
            note(message)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        return EXIT_CLOSED_PIPE
    except (MemoryError, RuntimeError) as error:
        if not is_of_memory(error):
            raise
        note(
            "reparam: error: this needs more memory than there is. Fix: lower --batch-size, "
            "--latent-dim, --image-size or --count"
        )
        return EXIT_USAGE
    except OSError as error:  # a full disk, a folder that one may not write to
        where = f"{error.filename}: " if error.filename else ""
        note(f"reparam: error: {where}{error.strerror or error}")
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
