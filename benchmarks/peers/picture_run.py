"""One peer's process: python -m peers.picture_run PEER JOB prints a PictureReply, as JSON, last."""

import importlib
import sys
from dataclasses import replace
from importlib.metadata import version

from peers.picture_job import PictureJob, PictureReply
from peers.run import OURS


def reply(name: str, job: PictureJob) -> PictureReply:
    """Trains with the peer ``name``, or says which of its packages is not installed."""
    try:
        peer = importlib.import_module(f"peers.{name}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in OURS:
            raise
        return PictureReply(absent=missing)
    versions = ", ".join(f"{package} {version(package)}" for package in peer.PACKAGES)
    return replace(peer.train(job), versions=versions)


if __name__ == "__main__":
    print(reply(sys.argv[1], PictureJob.from_json(sys.argv[2])).to_json())
