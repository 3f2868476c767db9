#!/usr/bin/env python3
"""Checks what no compiler sees: every test, fuzzer and end-to-end file is built or registered, every
fuzzer has a corpus and names its parser, no source file has grown past bounds, nothing is left open, no registry host or
foreign path is named. Exit 1 when there is a problem."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPEN = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
HOST = re.compile(r'"resolved": *"http|https?://[a-z0-9.-]*(npm|debian)[a-z0-9-]*[.][a-z]+')


def tracked(*patterns):
    out = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in out.stdout.split() if (ROOT / name).exists()]


def main():
    problems = []
    ninja = ROOT / "build/release/build.ninja"
    built = ninja.read_text() if ninja.exists() else None
    for source in tracked("src/*.cc"):
        name = source.relative_to(ROOT)
        if built is not None and not source.name.endswith("_bench.cc") and str(name) not in built:
            problems.append(f"{name}: is not built")
        most = 900 if source.name.endswith("_test.cc") else 600
        if len(source.read_text().splitlines()) > most:
            problems.append(f"{name}: past {most} lines; two subjects?")
        if source.name.endswith("_fuzz.cc"):
            corpus = source.parent / "corpus" / source.stem
            if not corpus.is_dir() or not any(corpus.iterdir()):
                problems.append(f"{name}: has no corpus in {corpus.relative_to(ROOT)}")
            if not re.search(r"^// Parser: \S", source.read_text(), re.M):
                problems.append(f"{name}: its head comment has no line `// Parser: …`, by which coverage is counted")
        if source.name.endswith("_test.cc") and not re.search(r"^\s*(TEST|TEST_F|TEST_P|TYPED_TEST)\(", source.read_text(), re.M):
            problems.append(f"{name}: holds no test")
    registered = (ROOT / "tests/tests.cmake").read_text() if (ROOT / "tests/tests.cmake").exists() else ""
    for test in tracked("tests/e2e/*.test.mjs", "tests/*_test.py"):
        word = test.stem.removesuffix(".test").removesuffix("_test")
        if not re.search(rf"\b{word}\b", registered):
            problems.append(f"{test.relative_to(ROOT)}: is not registered in tests/tests.cmake")
    for source in tracked("src", "tools", "tests", "web", "dev", "cmake", "packs"):
        if source.suffix in (".png", ".lock") or source.name == "package-lock.json" or "corpus" in source.parts:
            continue
        try:
            text = source.read_text()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if OPEN.search(line):
                problems.append(f"{source.relative_to(ROOT)}:{number}: left open")
    for source in tracked("*.json", "*.md", "*.cmake", "dev"):
        if HOST.search(source.read_text()):
            problems.append(f"{source.relative_to(ROOT)}: names a package registry's host")
    for problem in problems:
        print(problem)
    print(f"files: {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
