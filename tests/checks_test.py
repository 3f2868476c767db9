#!/usr/bin/env python3
"""The checks check: each is shown a fault and must find it."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from support.harness import ROOT, check, run  # noqa: E402


def tree(table, files):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sightglass-check-"))
    (folder / "tools").mkdir()
    (folder / "tools/layers.txt").write_text(table)
    for name, text in files.items():
        path = folder / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def layers(folder):
    return subprocess.run([sys.executable, str(ROOT / "tools/check_layers.py"), str(folder)], capture_output=True, text=True)


def test_an_edge_that_points_up_is_found():
    done = layers(tree("base:\nnet: base\n", {"base/a.cc": '#include "net/loop.h"\n', "net/loop.h": ""}))
    check(done.returncode == 1 and "src/base/a.cc:1: base may not include net" in done.stdout, done.stdout)


def test_a_table_that_points_up_is_found():
    done = layers(tree("base: net\nnet:\n", {"base/a.cc": "", "net/b.cc": ""}))
    check(done.returncode == 1 and "base may not name net" in done.stdout, done.stdout)


def test_a_folder_without_a_row_is_found():
    done = layers(tree("base:\n", {"base/a.cc": "", "utils/b.cc": ""}))
    check(done.returncode == 1 and "src/utils: not in" in done.stdout, done.stdout)


def test_a_clean_tree_passes():
    done = layers(tree("base:\nnet: base\n", {"base/a.cc": "", "net/b.cc": '#include "base/a.h"\n'}))
    check(done.returncode == 0, done.stdout)


if __name__ == "__main__":
    run(test_an_edge_that_points_up_is_found, test_a_table_that_points_up_is_found,
        test_a_folder_without_a_row_is_found, test_a_clean_tree_passes)
