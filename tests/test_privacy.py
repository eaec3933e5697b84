"""Nothing is sent anywhere, and nothing is written but where the user said and in reparam's cache.

Every command runs in one process of its own, with an audit hook that sees each socket and each file
that Python opens; what a library's machine code writes shows in a home folder that was empty.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

SCRIPT = """
import os, signal, socket, sys, tempfile, threading, time, urllib.request
from pathlib import Path

here, cache = Path(sys.argv[1]), Path(os.environ["XDG_CACHE_HOME"], "reparam")
writable = [str(here / "work"), str(cache), tempfile.gettempdir(), os.devnull]
broken = []

def report(text):
    if text not in broken:
        broken.append(text)

def hook(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            report(f"{event} {address}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        if arguments[0] not in ("127.0.0.1", "::1", "localhost", None):
            report(f"{event} {arguments[0]}")
    elif event in ("open", "os.mkdir", "os.rename"):
        paths = arguments[:2] if event == "os.rename" else arguments[:1]
        if event == "open":
            mode, flags = arguments[1:]
            written = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if not written or isinstance(arguments[0], int):
                return
        for path in paths:
            path = os.path.realpath(os.fsdecode(path))
            if not path.startswith(tuple(writable)):
                report(f"{event} {path}")

sys.addaudithook(hook)

sys.argv = ["reparam", "--version"]
from reparam.cli import main
assert main.main() == 0  # as the console script begins
from reparam.explorer import built

page = here / "work" / "page"
page.mkdir(parents=True)
(page / "index.html").write_text("<!doctype html><title>page</title>")
(page / "single.html").write_text("<!doctype html><!--BUNDLE-->")
built.PAGE = page

def visit(port):
    for _ in range(6000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60).read()
            break
        except OSError:
            time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)

seen = set()
for line in sys.stdin.read().splitlines():
    name, *words = line.split("\\t")
    seen.add(name)
    if name == "explore":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        words += ["--port", str(port)]
        threading.Thread(target=visit, args=(port,), daemon=True).start()
    assert main.run([name, *words]) == 0, line
    for text in broken:
        sys.exit(f"reparam {line}: {text}")
# What goes to the Hub and comes from there has a test of its own.
seen |= {"push", "pull"}
assert seen == set(main.COMMANDS), seen ^ set(main.COMMANDS)
"""

TRAIN = "--latent-dim 8 --epochs 1 --precision float32 --sample-every 2 --tensorboard"
SCORE = "--draws 40 --likelihood-images 1 --likelihood-samples 10"
COMMANDS = f"""
train {{data}} --out run {TRAIN} --quiet
relocate run {{data}}
resume run --epochs 2 --quiet
info run
info {{data}}
reconstruct run
denoise run
neighbours run
encode run --scores
decode run run/export/latents.csv
sample run
score run {SCORE} --quiet
fit-prior run --prior gaussian --quiet
anomaly calibrate run --scores squared-error elbo --quiet
anomaly score run {{data}} --false-alarms 0.2
compare run {SCORE} --quiet
sweep {{data}} --latent-dim 2 --seeds 1 --epochs 1 --sample-every 0 --out sweep {SCORE} --quiet
report run
explore run --no-browser --images 8
export run --onnx onnx --site site --single-file one.html --images 8
cache list
cache verify
cache clear --downloads
demo {{data}} --out demo --test-fraction 0 --valid-fraction 0 --quiet
"""


OWN = {
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_XET_CACHE",
    "MPLCONFIGDIR",
    "ORT_DISABLE_TELEMETRY",
    "TORCHINDUCTOR_CACHE_DIR",
}
"""What the command itself sets: other tests of this process may have called it."""


@pytest.mark.slow
def test_no_command_sends_anything_or_writes_elsewhere(tmp_path: Path) -> None:
    home, work, scratch = (tmp_path / name for name in ("home", "work", "scratch"))
    for folder in (home, home / ".cache", work, scratch):
        folder.mkdir()
    digits = load_digits()
    pixels = np.rint(digits.images[:60] * (255 / 16)).astype(np.uint8)
    np.savez(tmp_path / "digits.npz", images=pixels, labels=digits.target[:60])
    lines = COMMANDS.format(data=tmp_path / "digits.npz").strip().replace(" ", "\t")
    env = {k: v for k, v in os.environ.items() if k not in OWN}
    places = {"HOME": home, "XDG_CACHE_HOME": home / ".cache", "TMPDIR": scratch}
    env |= {name: str(path) for name, path in places.items()}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-B", "-c", SCRIPT, str(tmp_path)],
        input=lines,
        env=env,
        cwd=work,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    left = sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file())
    assert not [p for p in left if not p.startswith(".cache/reparam/")]
