"""The command ``reparam``: finds the subcommand, and turns every known error into one line."""

import importlib
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from reparam._version import __version__
from reparam.errors import ConfigError, LostError, ReparamError, unknown_name

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "train the AE and the VAE on the same images and put them side by side"),
    "train": ("train", "train one model on a set of images"),
    "resume": ("resume", "go on with a run that stopped, or further than first planned"),
    "info": ("info", "what a run or a set of images holds"),
    "report": ("report", "the figures and the report of runs that exist"),
    "reconstruct": ("reconstruct", "images through encoder and decoder"),
    "denoise": ("denoise", "noisy images through a model, with PSNR and SSIM before and after"),
    "encode": ("encode", "images to latents, as CSV, Parquet, .npy or .npz"),
    "decode": ("decode", "latents to images"),
    "sample": ("sample", "new images from the prior"),
    "explore": ("explore", "a web page in which one moves through the latent space of runs"),
    "export": ("export", "runs as ONNX, as a web site, or as a web page in one file"),
}

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def _overview() -> str:
    lines = [
        "usage: reparam COMMAND ...",
        "",
        "Train autoencoders (AE) and variational autoencoders (VAE) on images, look into their",
        "latent space, and hand the result on.",
        "",
        "commands:",
        *(f"  {name:12} {summary}" for name, (_, summary) in COMMANDS.items()),
        "",
        "  reparam COMMAND --help   every option of a command, with its default",
        "  reparam --version        the version",
        "",
        "start with:  reparam demo",
    ]
    return "\n".join(lines)


def run(args: Sequence[str]) -> int:
    """Runs one command line. Raises ReparamError for what its user can mend."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0 if args else EXIT_USAGE
    if args[0] in ("--version", "-V"):
        print(f"reparam {__version__}")
        return 0
    if args[0] not in COMMANDS:
        raise ConfigError(unknown_name("command", args[0], COMMANDS))
    module, _ = COMMANDS[args[0]]
    command: Callable[[Sequence[str]], int]
    command = importlib.import_module(f"reparam.cli.{module}").run
    return command(args[1:])


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning as a line for the person at the keyboard, without the place in our code."""
    print(f"reparam: {message}", file=sys.stderr)


def main() -> int:
    """The console script. Exit status: 0 done, 2 a mistake that one can mend, 130 interrupted."""
    # Threads that wait for one another spin for a moment, not for the several milliseconds that
    # are GNU OpenMP's default: as fast on a quiet machine, and many times as fast on a busy one
    # (docs/log.md). It is read when PyTorch is imported, which comes later.
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    warnings.showwarning = _say_warning
    try:
        return run(sys.argv[1:])
    except ReparamError as error:
        print(f"reparam: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        if isinstance(error, LostError):  # threads of the broken connection would abort the exit
            os._exit(EXIT_USAGE)
        return EXIT_USAGE
    except KeyboardInterrupt as stop:
        if message := str(stop):
            print(message, file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or "allocate" in str(error).lower()):
            raise
        print(
            "reparam: error: this takes more memory than there is; lower --batch-size, "
            "--latent-dim, --image-size or --count",
            file=sys.stderr,
        )
        return EXIT_USAGE
    except OSError as error:  # a full disc, a folder that one may not write to
        where = f"{error.filename}: " if error.filename else ""
        print(f"reparam: error: {where}{error.strerror or error}", file=sys.stderr)
        return EXIT_USAGE


if __name__ == "__main__":
    sys.exit(main())
