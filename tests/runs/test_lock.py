"""Two processes never write one run folder, and a dead one holds nobody up."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reparam.data import ImageSet
from reparam.errors import RunError
from reparam.runs import Run, check_free, is_empty, writing
from reparam.runs.lock import LOCK
from reparam.training import EpochDone, Event, train

HOLD = """
import sys
from pathlib import Path
from reparam.runs import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

Holder = subprocess.Popen[str]


@pytest.fixture
def held() -> Iterator[Callable[[Path], Holder]]:
    """Another process that holds a run folder until its standard input ends."""
    processes: list[Holder] = []

    def hold(path: Path) -> Holder:
        words = [sys.executable, "-c", HOLD, str(path)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def test_another_process_is_refused_by_its_id_and_a_dead_one_is_not_waited_for(
    held, new_run, small, blobs: ImageSet
) -> None:
    run = new_run(small(epochs=2))
    before = (run.path / "config.json").read_bytes()
    owner = held(run.path)
    for write in (
        lambda: train(run, blobs),
        lambda: new_run_over(run, blobs),
        lambda: writing(run.path).__enter__(),
    ):
        with pytest.raises(RunError, match=f"process {owner.pid} is writing this run. Fix: wait"):
            write()
    assert (run.path / "config.json").read_bytes() == before

    owner.kill()  # SIGKILL: it cannot tidy up
    owner.wait()
    assert (run.path / LOCK).exists()
    train(run, blobs)
    assert len(run.metrics()) == 2
    assert not (run.path / LOCK).exists()


def new_run_over(run: Run, blobs: ImageSet) -> Run:
    return Run.create(run.path, run.config, blobs, command="", overwrite=True)


def test_what_is_being_written_is_not_overwritten(held, new_run, small, blobs) -> None:
    run = new_run(small(epochs=1))
    train(run, blobs)
    files = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    held(run.path)
    with pytest.raises(RunError, match="is writing this run"):
        new_run_over(run, blobs)
    assert {path: path.read_bytes() for path in files} == files


def test_a_folder_elsewhere_that_a_run_links_to_stays(new_run, small, blobs, tmp_path) -> None:
    run = new_run(small(epochs=1))
    train(run, blobs)
    kept = tmp_path / "another disk"
    (run.path / "checkpoints").rename(kept)
    (run.path / "checkpoints").symlink_to(kept, target_is_directory=True)
    files = sorted(kept.iterdir())
    again = new_run_over(run, blobs)
    assert not again.result()
    assert not (run.path / "checkpoints").is_symlink()
    assert sorted(kept.iterdir()) == files


def test_a_thread_is_another_writer_and_the_owner_may_enter_again(tmp_path: Path) -> None:
    said: list[str] = []

    def other() -> None:
        try:
            with writing(tmp_path / "run"):
                said.append("entered")
        except RunError as error:
            said.append(str(error))

    def ask() -> str:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return said.pop()

    with writing(tmp_path / "run"):
        with writing(tmp_path / "run"):
            assert "is writing this run" in ask()
        assert "is writing this run" in ask(), "the inner one's end is not the owner's"
    assert ask() == "entered"
    assert not (tmp_path / "run").exists(), "nothing was written, nothing stays"


def test_a_lock_file_belongs_to_a_run(new_run, small, blobs, tmp_path) -> None:
    """What a killed process leaves is neither foreign nor in the way."""
    run = new_run(small(epochs=1))
    train(run, blobs)
    (run.path / LOCK).write_text("4194304")
    check_free(run.path, overwrite=True)
    new_run_over(run, blobs)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json"]

    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / LOCK).write_text("")
    (begun / ".unfinished-config.json.x").write_text("{")
    assert is_empty(begun)
    check_free(begun, overwrite=False)
    Run.create(begun, run.config, blobs, command="", overwrite=False)
    assert sorted(path.name for path in begun.iterdir()) == ["config.json"]


def test_a_run_is_held_while_it_trains(new_run, small, blobs) -> None:
    """From within training, another process asks."""
    run = new_run(small(epochs=1))
    answers: list[str] = []

    def ask(event: Event) -> None:
        if isinstance(event, EpochDone):
            words = [sys.executable, "-m", "reparam.cli.main", "resume", str(run.path)]
            answers.append(subprocess.run(words, capture_output=True, text=True).stderr)

    train(run, blobs, [ask])
    assert "is writing this run" in answers[0]
    assert len(answers[0].splitlines()) == 1
