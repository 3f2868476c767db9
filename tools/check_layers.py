#!/usr/bin/env python3
"""Checks that every #include between rooms is an edge of tools/layers.txt, and that no edge of the
table points up. Prints each offending line as file:line; exit 1 when there is one."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+"([a-z_]+)/')


def read_table(path):
    table, problems = {}, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        room, _, rest = line.partition(":")
        below = rest.split()
        for other in below:
            if other not in table:
                problems.append(f"{path.name}:{number}: {room} may not name {other}, which stands below it")
        table[room] = set(below)
    return table, problems


def check(root=ROOT):
    table, problems = read_table(root / "tools/layers.txt")
    for folder in sorted((root / "src").iterdir()):
        if folder.is_dir() and folder.name not in table:
            problems.append(f"src/{folder.name}: not in tools/layers.txt")
    for source in sorted((root / "src").rglob("*.[hc]*")):
        if source.suffix not in (".h", ".cc"):
            continue
        room = source.relative_to(root / "src").parts[0]
        for number, line in enumerate(source.read_text(errors="replace").splitlines(), 1):
            found = INCLUDE.match(line)
            if not found or found[1] == room or found[1] not in table:
                continue
            if found[1] not in table.get(room, set()):
                where = source.relative_to(root)
                problems.append(f"{where}:{number}: {room} may not include {found[1]}")
    return problems


if __name__ == "__main__":
    found = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    for problem in found:
        print(problem)
    print(f"layers: {len(found)} problems")
    sys.exit(1 if found else 0)
