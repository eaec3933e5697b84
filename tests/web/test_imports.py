"""The check of the page's imports finds a cycle, also one of types alone."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "web" / "build" / "imports.mjs"


def check(root: Path) -> tuple[int, str]:
    done = subprocess.run(["node", SCRIPT, root], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_a_cycle_is_named(tmp_path: Path) -> None:
    (tmp_path / "map").mkdir()
    (tmp_path / "main.ts").write_text('import { a } from "./map/a";\n')
    (tmp_path / "map" / "a.ts").write_text('import "./b";\nexport const a = 1;\n')
    (tmp_path / "map" / "b.ts").write_text('export type { C } from "../c";\n')
    (tmp_path / "c.ts").write_text('import type { a } from "./map/a";\nexport type C = typeof a;\n')
    status, message = check(tmp_path)
    assert status == 1
    assert "got c.ts → map/a.ts → map/b.ts → c.ts." in message


def test_two_ways_to_one_module_are_no_cycle(tmp_path: Path) -> None:
    (tmp_path / "main.ts").write_text('import "./a";\nimport "./b";\nimport "package";\n')
    (tmp_path / "a.ts").write_text('import "./shared";\n')
    (tmp_path / "b.ts").write_text('import "./shared";\nimport "./a";\n')
    (tmp_path / "shared.ts").write_text("export {};\n")
    assert check(tmp_path) == (0, "")
