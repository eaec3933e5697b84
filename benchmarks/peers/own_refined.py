"""reparam's finished training again, with latents that 20 steps have refined: `--refine 20`.

The seconds are those of the training and of these reconstructions.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

from peers.own_pictures import RUN
from peers.picture_job import RECORD, PictureJob, PictureReply

PACKAGES = ("reparam", "torch")

STEPS = 20


def train(job: PictureJob) -> PictureReply:
    """Continues from a job of ``own_pictures``."""
    from reparam.evaluation import reconstruct_images
    from reparam.runs import Run

    origin = Path(job.origin)
    found = PictureReply(**json.loads((origin / RECORD).read_text("utf-8"))["reply"])
    model = Run.open(origin / RUN).load_model()
    began = time.perf_counter()
    job.save(reconstruct_images(model, job.held_out_pixels(), refine=STEPS).images)
    return replace(found, seconds=found.seconds + time.perf_counter() - began)
