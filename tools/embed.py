#!/usr/bin/env python3
"""Writes a C++ source that holds the files of a folder: embed.py FOLDER OUTPUT SYMBOL [--gzip].
Each becomes {path, bytes, gzipped bytes}; the order is by path, so that builds repeat."""
import gzip
import pathlib
import sys


def literal(data):
    # String literals of 8 KiB, octal escapes: fast to compile, and no byte is special.
    table = {i: f"\\{i:03o}" for i in range(256)}
    for i in range(32, 127):
        if chr(i) not in '"\\?':
            table[i] = chr(i)
    parts = []
    for at in range(0, len(data), 8192):
        chunk, out = data[at:at + 8192], []
        for byte in chunk:
            out.append(table[byte])
        parts.append('"' + "".join(out) + '"')
    return "\n    ".join(parts) or '""'


def main():
    folder, output, symbol = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    squeeze = "--gzip" in sys.argv
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not files:
        sys.exit(f"{folder}: nothing to embed; run ./dev build")
    rows, bodies = [], []
    for i, path in enumerate(files):
        data = path.read_bytes()
        packed = gzip.compress(data, 9, mtime=0) if squeeze else b""
        bodies.append(f"constexpr char kFile{i}[] =\n    {literal(data)};\nconstexpr char kPacked{i}[] =\n    {literal(packed)};\n")
        rows.append(f'    {{"{path.relative_to(folder)}", {{kFile{i}, {len(data)}}}, {{kPacked{i}, {len(packed)}}}}},\n')
    output.write_text(
        "// Made by tools/embed.py; do not edit.\n#include \"app/embedded.h\"\n\nnamespace sightglass::app {\nnamespace {\n"
        + "".join(bodies) + f"constexpr EmbeddedFile kAll[] = {{\n{''.join(rows)}}};\n}}  // namespace\n"
        + f"std::span<const EmbeddedFile> {symbol}() {{ return kAll; }}\n}}  // namespace sightglass::app\n")


if __name__ == "__main__":
    main()
