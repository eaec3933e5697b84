"""Scorecards of a folder of runs: which are one column, and which seeds are pairs."""

import json
from pathlib import Path

from evaluation.test_claims import around, card
from scorecards import groups_in, verdict_table


def test_runs_of_equal_seeds_are_compared_seed_by_seed(tmp_path: Path):
    for model, off in (("ae", 0.5), ("vae", 0.0)):
        for seed in (0, 2):
            folder = tmp_path / f"model-{model}-seed-{seed}"
            folder.mkdir()
            found = card({"centre": around(off + 0.1 * seed)}).to_mapping()
            found["variational"] = model == "vae"
            (folder / "scorecard.json").write_text(json.dumps(found))
    ae, vae = groups_in(tmp_path, [])
    assert (ae.title, vae.title) == ("ae", "vae")
    assert ae.seeds == vae.seeds == (0, 2)
    table = "\n".join(verdict_table(ae, vae))
    assert "| confirmed | < 0.001 / < 0.001 | ‖mean‖² / d |" in table, "the same in each pair"
    assert "the VAE's gain: paired by seed." in table
