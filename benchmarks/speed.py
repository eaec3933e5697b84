"""Speed per step: reparam beside what people would take instead, on the CPU.

    REPARAM_DATA=FOLDER_WITH_MNIST python benchmarks/speed.py [--rounds 5] [--images 2048] [--quick]

Every round measures each peer, one after the other in a process of its own, in an order that turns
from round to round, and before and after each of them the machine's own rates: a shared machine is
not as fast in one minute as in the next. A process trains afresh at every batch size: an epoch that
warms up, then a measured one. Writes the tables into benchmarks/RESULTS.md; --quick goes
through everything once on a few images, and prints them instead.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from machine import Rates, describe, mean_of
from peers.job import Job, Reply
from results import write_section
from speed_table import CONFIGURATIONS, TITLES, Measured, Sample, tables

HERE = Path(__file__).resolve().parent
THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def environment() -> dict[str, str]:
    """As users have it: every peer's own choice of threads. On the CPU, with this checkout."""
    kept = {name: value for name, value in os.environ.items() if name not in THREADS}
    path = [str(HERE), str(HERE.parent), *filter(None, [kept.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(path),
        "CUDA_VISIBLE_DEVICES": "",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def last_line(*words: str) -> str:
    """What a Python process prints last. Raises RuntimeError with its errors when it fails."""
    done = subprocess.run(
        [sys.executable, *words], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(words)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.splitlines()[-1]


def rates_now() -> Rates:
    return Rates(**json.loads(last_line(str(HERE / "machine.py"), "brief")))


def measure(job_of: dict[str, Job], peers: list[str], rounds: int) -> tuple[Measured, dict, dict]:
    """All rounds, the versions of the peers that ran, and what the others miss."""
    samples, rates = [], [rates_now()]
    versions: dict[str, str] = {}
    absent: dict[str, str] = {}
    for number in range(rounds):
        turn = number % len(peers)
        for configuration, job in job_of.items():
            for peer in (p for p in peers[turn:] + peers[:turn] if p not in absent):
                reply = Reply.from_json(last_line("-m", "peers.run", peer, job.to_json()))
                print(number, configuration, peer, reply, file=sys.stderr, flush=True)
                if reply.absent:
                    absent[peer] = reply.absent
                    continue
                versions[peer] = reply.versions
                rates.append(rates_now())
                around = mean_of(*rates[-2:])
                print(number, around, file=sys.stderr, flush=True)
                for a in reply.answers:
                    samples.append(
                        Sample(
                            peer=peer,
                            configuration=configuration,
                            batch=a.batch_size,
                            round=number,
                            images_per_second=a.images_per_second,
                            peak_bytes=a.peak_bytes,
                            rates=around,
                        )
                    )
    return Measured(samples, rates), versions, absent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", default=os.environ.get("REPARAM_DATA"))
    parser.add_argument("--peers", nargs="+", choices=TITLES, default=list(TITLES))
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[32, 128, 256, 512])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--section", default="speed", help="of RESULTS.md, one a kind of processor")
    parser.add_argument("--quick", action="store_true", help="2 rounds of 256 images, printed")
    options = parser.parse_args()
    if options.data_dir is None:
        parser.error("name the folder with MNIST: --data-dir FOLDER, or REPARAM_DATA")
    if options.quick:
        options.rounds, options.images, options.batch_sizes = 2, 256, [32, 128]
    where = describe()  # before anything in the checkout can change
    jobs = {
        name: Job(
            data=str(options.data_dir),
            images=options.images,
            batch_sizes=tuple(sorted(set(options.batch_sizes))),
            batch_norm=config.encoder.batch_norm,
            dropout=config.encoder.dropout,
        )
        for name, config in CONFIGURATIONS.items()
    }
    measured, versions, absent = measure(jobs, options.peers, options.rounds)
    text = "\n\n".join(
        [
            f"{where}. {options.rounds} rounds of {options.images} images: median (lowest to "
            "highest); ratios are taken within each round, shares of the machine's rates before "
            "and after each training.",
            "; ".join(f"{TITLES[peer]}: {found}" for peer, found in versions.items()) + ".",
            tables(measured, absent),
            f"`{shlex.join(['python', 'benchmarks/speed.py', *shown(options)])}`",
        ]
    )
    if options.quick:
        print(text)
    else:
        write_section(options.section, text)


def shown(options: argparse.Namespace) -> list[str]:
    """The command's words, without the folder of this machine."""
    sizes = map(str, options.batch_sizes)
    words = ["--section", options.section] if options.section != "speed" else []
    words += ["--rounds", str(options.rounds), "--images", str(options.images)]
    return [*words, "--batch-sizes", *sizes, "--peers", *options.peers]


if __name__ == "__main__":
    main()
