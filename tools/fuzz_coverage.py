#!/usr/bin/env python3
"""What each fuzzer's kept corpus reaches: replays it in a build with line coverage (preset `fuzz`),
prints a row each, and fails where fewer than 80 % of its parser's lines are reached.

A fuzzer names its parser in its head comment: `// Parser: room/file.cc room/other.cc:words`, to
the comment's end; with words, joined by |, only functions with one of them in their name count."""
import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LEAST = 80


def parsers(source):
    found = re.search(r"^// Parser:((?: .+\n(?://)?)+)", source.read_text(), re.M)
    if not found:
        sys.exit(f"{source}: its head comment has no line `// Parser: …`")
    parts = found.group(1).replace("//", " ").split()
    return [part.partition(":")[::2] for part in parts]


def lines_of(binary, profile, path, word):
    """(lines, missed) of the file's functions; each line counts once a function."""
    table = subprocess.run(["llvm-cov-19", "report", "-show-functions", "-Xdemangler=llvm-cxxfilt-19",
                            f"-instr-profile={profile}", binary, path],
                           capture_output=True, text=True, check=True).stdout
    lines = missed = 0
    for row in table.splitlines():
        cells = re.match(r"(.+?)\s+\d+\s+\d+\s+[\d.]+%\s+(\d+)\s+(\d+)\s+[\d.]+%", row)
        if cells and cells.group(1) != "TOTAL" and re.search(word, cells.group(1)):
            lines, missed = lines + int(cells.group(2)), missed + int(cells.group(3))
    return lines, missed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build/fuzz")
    parser.add_argument("--only", default="", help="a part of the fuzzer's name")
    options = parser.parse_args()
    build = (ROOT / options.build).resolve()
    short = []
    for source in sorted(ROOT.glob("src/*/*_fuzz.cc")):
        name = source.stem
        if options.only not in name:
            continue
        raw, profile = build / f"{name}.profraw", build / f"{name}.profdata"
        subprocess.run([build / name, "-runs=0", source.parent / "corpus" / name], check=True, capture_output=True,
                       env={"LLVM_PROFILE_FILE": str(raw), "PATH": "/usr/bin:/bin"})
        subprocess.run(["llvm-profdata-19", "merge", "-o", profile, raw], check=True)
        lines = missed = 0
        for path, word in parsers(source):
            more = lines_of(build / name, profile, ROOT / "src" / path, word)
            if more[0] == 0:
                sys.exit(f"{source}: no function of src/{path} matches '{word}'")
            lines, missed = lines + more[0], missed + more[1]
        reached = 100 * (lines - missed) / lines
        print(f"{name:40} {reached:5.1f} % of {lines} lines", flush=True)
        if reached < LEAST:
            short.append(name)
    if short:
        sys.exit(f"below {LEAST} % of the parser's lines: {', '.join(short)}")


if __name__ == "__main__":
    main()
