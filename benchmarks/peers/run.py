"""One peer's process: python -m peers.run PEER JOB prints a Reply, as JSON, on its last line."""

import importlib
import sys
from importlib.metadata import version

from memory import peak_bytes

from peers.job import Answer, Job, Reply

OURS = ("peers", "reparam", "memory", "keras_article")


def reply(name: str, job: Job) -> Reply:
    """Trains with the peer ``name``, or says which of its packages is not installed."""
    try:
        peer = importlib.import_module(f"peers.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OURS:
            raise
        return Reply(absent=missing)
    pixels = job.pixels()
    answers = []
    for batch_size in job.batch_sizes:
        trained = peer.train(job, pixels, batch_size)
        answers.append(
            Answer(batch_size, job.images, trained.seconds, trained.parameters, peak_bytes())
        )
    versions = ", ".join(f"{package} {version(package)}" for package in peer.PACKAGES)
    return Reply(tuple(answers), versions)


if __name__ == "__main__":
    print(reply(sys.argv[1], Job.from_json(sys.argv[2])).to_json())
