"""What commands import before their work: a module that they do not need costs a second."""

import subprocess
import sys
from pathlib import Path

CODE = """
import contextlib, sys
from reparam.cli.main import run

run_folder, out = sys.argv[1:]

def check(*words, without):
    with contextlib.suppress(SystemExit):  # after --help
        run(words)
    found = without & set(sys.modules)
    assert not found, f"{words[0]} imports {found}"

heavy = {
    "matplotlib",
    "onnx_ir",
    "onnxscript",
    "pandas",
    "scipy",
    "sklearn",
    "sympy",
    "torch._dynamo",
    "torch._inductor",
}
onnx = {"onnx", "onnxruntime"}
check("info", run_folder, without=heavy | onnx)
check("train", "--help", without=heavy | onnx)
check("export", run_folder, "--onnx", f"{out}/onnx", without=heavy)
heavy = heavy - {"scipy"} | {"scipy.stats"}
for command in ("score", "compare", "sweep", "demo"):
    check(command, "--help", without=heavy)
"""


def test_commands_import_only_what_they_need(vae_run: Path, tmp_path: Path) -> None:
    """Held-out images are read without scikit-learn, ONNX is made without the compiler."""
    words = [sys.executable, "-c", CODE, str(vae_run), str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
