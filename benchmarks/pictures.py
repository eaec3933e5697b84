"""Own pictures: how sharp reconstructions are after equal time, beside what people would take.

    python benchmarks/picture_sets.py FOLDER_OF_PACKAGES --out sets
    python benchmarks/pictures.py --sets sets [--minutes 10] [--seeds 3] [--write] [--grid grid.png]

Trains each method on the same training pictures for the same time on the same cores, one after the
other in a process of its own, and compares the reconstructions of the same held-out pictures.
Finished trainings are kept in --cells and are not made again. --write puts the tables into
benchmarks/RESULTS.md instead of printing them.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from machine import commit, describe
from peers.picture_job import RECONSTRUCTIONS, RECORD, PictureJob, PictureReply
from picture_table import NO_FEATURES, Cell, Found, grid, measured, tables
from results import write_section
from speed import last_line

from reparam.cli.train import resolve_options
from reparam.data import load_images
from reparam.features import feature_maps

LATENTS = 128
"""Where neither --latents nor a finished training of OWN says how many."""

OWN, PLAIN = "own", "plain"

MINUTES = "for each training; 0: reparam's own epochs, and its seconds for the others"


@dataclass(frozen=True)
class Method:
    """A module of peers/, and its flags."""

    title: str
    peer: str
    words: tuple[str, ...] = ()
    equal: bool = False
    """Takes a latent with as many numbers as reparam's, instead of its own."""
    of: str = ""
    """Continues from the finished cell of this method, with the same seed."""


METHODS = {
    OWN: Method("reparam", "own_pictures"),
    "own-refined": Method("reparam, latents refined by 20 steps", "own_refined", of=OWN),
    "own-perceptual": Method("reparam, perceptual term", "own_pictures", ("--terms", "perceptual")),
    "own-perceptual-refined": Method(
        "reparam, perceptual term, latents refined", "own_refined", of="own-perceptual"
    ),
    "own-adversarial": Method(
        "reparam, adversarial term", "own_pictures", ("--terms", "adversarial")
    ),
    PLAIN: Method("plain PyTorch VAE", "tutorial_vae"),
    "plain-equal": Method("plain PyTorch VAE, equal latent", "tutorial_vae", equal=True),
    "kl": Method("AutoencoderKL, KL × 1e-6", "autoencoder_kl", ("--kl-weight", "1e-6"), True),
    "kl-refined": Method(
        "AutoencoderKL, KL × 1e-6, latents refined",
        "autoencoder_kl_refined",
        ("--kl-weight", "1e-6"),
        equal=True,
        of="kl",
    ),
    "kl-1": Method("AutoencoderKL, KL × 1", "autoencoder_kl", ("--kl-weight", "1"), True),
}
"""By name; the names of reparam's begin with own: these are compared with the others."""


def problems(sets: Path) -> dict[str, tuple[str, ...]]:
    """Name → the words of `reparam train` that name the pictures."""

    def stamps(side: str) -> tuple[str, ...]:
        return (str(sets / "stamps"), "--image-size", side, side, "--channels", "3")

    return {
        "stamps-64": stamps("64"),
        "stamps-128": stamps("128"),
        "fashion": ("fashion-mnist", "--data-dir", str(sets / "fashion")),
        "photos32": (str(sets / "photos32"),),
        "faces": (str(sets / "faces"),),
    }


def split_pixels(source: Sequence[str], folder: Path, most: int) -> str:
    """Writes train.npy and test.npy: reparam's own splits, the first ``most`` of the held-out ones.

    Returns their SHA-256.
    """
    images = load_images(resolve_options(source).run.data)
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    for split, index in (("train", images.splits["train"]), ("test", images.splits["test"][:most])):
        pixels = images.images[index]
        digest.update(repr(pixels.shape).encode() + pixels.tobytes())
        np.save(folder / f"{split}.npy", pixels)
    return digest.hexdigest()


def digest_of(pixels: str, origin: Path | None) -> str:
    """Of what a cell is made from: the pictures, and the training that it continues from."""
    if origin is None:
        return pixels
    return hashlib.sha256(pixels.encode() + (origin / RECORD).read_bytes()).hexdigest()


def cell_of(name: str, job: PictureJob) -> Cell:
    """A training, made now or taken from the cells. Raises RuntimeError where it fails."""
    folder = Path(job.out)
    record = folder / RECORD
    if record.exists():
        kept = json.loads(record.read_text(encoding="utf-8"))
        if kept["job"] == job.asked():
            return Cell(job.seed, PictureReply(**kept["reply"]), kept["commit"], folder)
    folder.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)  # an older one is not of the new reconstructions
    words = ("-m", "peers.picture_run", METHODS[name].peer, job.to_json())
    reply = PictureReply.from_json(last_line(*words))
    found = {"job": job.asked(), "reply": asdict(reply), "commit": commit()}
    if not reply.absent:
        record.write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(job.out, reply, file=sys.stderr, flush=True)
    return Cell(job.seed, reply, found["commit"], folder)


def measure(options: argparse.Namespace, problem: str, source: tuple[str, ...]) -> Found:
    """Every method with every seed, seed by seed."""
    folder = options.cells / problem
    digest = split_pixels(source, folder, options.held_out)
    found: Found = {}
    for seed in range(options.seeds):
        for name in options.only:
            before, own = found.setdefault(name, []), found.get(OWN)
            method, seconds = METHODS[name], 60 * options.minutes
            words, latents = method.words, 0
            if method.equal:
                latents = options.latents or (own[0].reply.latents if own else LATENTS)
            if method.peer == METHODS[OWN].peer:
                words = (*shlex.split(options.own), *words)
            elif not seconds:
                seconds = own[seed].reply.seconds
            origin = found[method.of][seed].folder if method.of else None
            cell = cell_of(
                name,
                PictureJob(
                    source=source,
                    pixels=str(folder.resolve()),
                    out=str((folder / f"{name}-seed-{seed}").resolve()),
                    words=words,
                    seconds=seconds,
                    seed=seed,
                    latents=latents,
                    digest=digest_of(digest, origin),
                    origin=str(origin.resolve()) if origin else "",
                    epochs=round(before[-1].reply.epochs) if before else None,
                ),
            )
            if cell.reply.absent:
                print(f"{name}: left out, no {cell.reply.absent}", file=sys.stderr, flush=True)
                continue
            before.append(measured(cell, folder / "test.npy", options.features))
    return {name: cells for name, cells in found.items() if cells}


def write_grid(options: argparse.Namespace, problem: str, found: Found) -> None:
    """Held-out originals, and below them --shown's reconstructions and the plain VAE's."""
    rows = [np.load(options.cells / problem / "test.npy")]
    rows += [np.load(found[name][0].folder / RECONSTRUCTIONS) for name in (options.shown, PLAIN)]
    file = options.grid.with_name(f"{options.grid.stem}-{problem}{options.grid.suffix}")
    grid(rows).save(file)
    print(file, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=Path, required=True, help="made by picture_sets.py")
    parser.add_argument("--cells", type=Path, default=Path("runs/pictures"), help="what is kept")
    parser.add_argument("--pictures", nargs="+", choices=problems(Path()), metavar="SET")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--minutes", type=float, default=10.0, help=MINUTES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="30 seconds, one seed")
    parser.add_argument("--own", default="", help="more flags for every training of reparam")
    parser.add_argument("--latents", type=int, help="of the others; by default those of own")
    parser.add_argument("--held-out", type=int, default=2000, help="pictures compared, at most")
    parser.add_argument("--features", default="imagenet", help="of the distance; none for none")
    parser.add_argument("--write", action="store_true", help="into benchmarks/RESULTS.md")
    parser.add_argument("--grid", type=Path, help="a PNG or JPEG, whose name gets that of each set")
    parser.add_argument("--shown", choices=METHODS, default=OWN, help="in the grid")
    options = parser.parse_args()
    for name in options.only:
        if (of := METHODS[name].of) and of not in options.only[: options.only.index(name)]:
            parser.error(f"{name} continues from {of}: name that before it in --only")
    if options.grid and not {options.shown, PLAIN} <= set(options.only):
        parser.error(f"--grid shows {options.shown} and {PLAIN}: add them to --only")
    if not options.minutes and options.only[0] != OWN:
        parser.error(f"--minutes 0 gives the others the seconds of {OWN}: name it first in --only")
    if options.quick:
        options.minutes, options.seeds = 0.5, 1
    if options.features != NO_FEATURES:
        feature_maps(options.features)  # an extra that is missing is said before any training
    where = describe()  # before anything in the checkout can change
    known = problems(options.sets.resolve())
    found: dict[str, Found] = {}
    for problem in options.pictures or known:
        found[problem] = measure(options, problem, known[problem])
        if options.grid:
            write_grid(options, problem, found[problem])
        titles = {name: method.title for name, method in METHODS.items()}
        folders = {name: options.cells / name for name in found}
        text = "\n\n".join(
            [heading(options, where), tables(found, folders, titles), shown(options)]
        )
        if options.write:
            write_section("pictures", text)  # after every set: they take hours each
    print(text)


def heading(options: argparse.Namespace, where: str) -> str:
    minutes = f"{options.minutes:g} minutes" if options.minutes else "reparam's own time"
    seeds = "One seed" if options.seeds == 1 else f"{options.seeds} seeds"
    middle = "" if options.seeds == 1 else ": median (lowest to highest)"
    return f"{where}. {seeds}, {minutes} for each training{middle}."


def shown(options: argparse.Namespace) -> str:
    """The command, without the folders of this machine."""
    words = ["python", "benchmarks/pictures.py", "--sets", "sets"]
    for name in ("minutes", "seeds", "own", "latents", "held_out", "features"):
        value = getattr(options, name)
        if value not in ("", None):
            text = f"{value:g}" if isinstance(value, float) else str(value)
            words += [f"--{name.replace('_', '-')}", text]
    for name in ("pictures", "only"):
        if getattr(options, name):
            words += [f"--{name}", *getattr(options, name)]
    return f"`{shlex.join(words)}`"


if __name__ == "__main__":
    main()
