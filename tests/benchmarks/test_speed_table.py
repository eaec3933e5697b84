"""Tables from known speeds: best batches, ratios within a round, shares, absent peers."""

from dataclasses import replace

from cost import step_cost
from machine import Rates
from speed_table import CONFIGURATIONS, IMAGE_SHAPE, OWN, Measured, Sample, tables

PLAIN, NORM = CONFIGURATIONS


def known() -> Measured:
    """In round 1 the machine is half as fast as in round 0, for everything."""
    speeds = {(OWN, 32): 2000.0, (OWN, 128): 4000.0, ("eager", 32): 1000.0, ("eager", 128): 800.0}
    operations = step_cost(CONFIGURATIONS[PLAIN], IMAGE_SHAPE).operations
    whole = Rates(float32=4000.0 * operations, bfloat16=8000.0 * operations, copy=1e10)
    half = Rates(whole.float32 / 2, whole.bfloat16 / 2, whole.copy / 2)
    samples = [
        Sample(peer, configuration, batch, number, speed / (1 + number), 10**8, rates)
        for (peer, batch), speed in speeds.items()
        for configuration in CONFIGURATIONS
        for number, rates in enumerate((whole, half))
    ]
    return Measured(samples, [whole, half])


def rows(text: str, configuration: str) -> list[list[str]]:
    part = text.split(f"### The article's VAE {configuration}")[1].split("###")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_ratios_are_those_within_a_round_and_shares_of_the_rates_around():
    text = tables(known(), {"pythae_trainer": "pythae"})
    best = rows(text, PLAIN)
    assert best[1][:4] == ["reparam", "128", "3000 (2000 to 4000)", "–"]
    assert best[1][4:6] == ["50 (50 to 50)", "100 (100 to 100)"]
    assert best[2][:4] == ["plain PyTorch", "32", "750 (500 to 1000)", "4.00 (4.00 to 4.00)"]
    assert best[3] == ["pythae's trainer", "absent: no pythae"]
    equal = {(row[0], row[1]): row[3] for row in best[5:]}
    assert equal["plain PyTorch", "32"] == "2.00 (2.00 to 2.00)"
    assert equal["plain PyTorch", "128"] == "5.00 (5.00 to 5.00)"


def test_without_reparam_there_is_no_ratio():
    measured = known()
    others = replace(measured, samples=[s for s in measured.samples if s.peer != OWN])
    assert {row[3] for row in rows(tables(others, {}), NORM) if row[0] == "plain PyTorch"} == {"–"}


def test_a_rate_that_is_not_native_has_no_shares():
    measured = known()
    samples = [replace(s, rates=replace(s.rates, bfloat16=None)) for s in measured.samples]
    rates = [replace(each, bfloat16=None) for each in measured.rates]
    emulated = Measured(samples, rates)
    text = tables(emulated, {})
    assert "matrix product bfloat16 not native, float32 " in text
    assert "the bytes alone would allow, in bfloat16," in text
    assert {row[4] for row in rows(text, PLAIN) if row[2][0].isdigit()} == {"not native"}
    assert rows(text, PLAIN)[1][5] == rows(tables(measured, {}), PLAIN)[1][5]
