#!/usr/bin/env python3
"""clang-tidy over the sources that are named on standard input, two at a time. A file that passed is not
looked at again until it, a header it includes, its flags or the checks change: the marks are in
<build>/tidy, one empty file per passed state."""
import argparse
import concurrent.futures
import hashlib
import json
import pathlib
import subprocess
import sys

TIDY = "clang-tidy-19"


def digest_of(paths, cache):
    total = hashlib.sha256()
    for path in paths:
        if path not in cache:
            cache[path] = hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"gone"
        total.update(cache[path])
    return total.digest()


def headers(build):
    """object → the files it was made of, as the compiler told Ninja."""
    found, current = {}, None
    text = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        if line.startswith("    "):
            current.append((build / line.strip()).resolve())
        elif ": #deps" in line:
            current = found.setdefault(line.split(": #deps")[0], [])
    return found


def states(build, sources, root):
    """source → a name for everything its verdict depends on; none when it was never compiled."""
    rules = hashlib.sha256((root / ".clang-tidy").read_bytes())
    rules.update(subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout)
    made_of, cache, result = headers(build), {}, dict.fromkeys(sources)
    for command in json.loads((build / "compile_commands.json").read_text()):
        name = pathlib.Path(command["file"]).resolve()
        name = str(name.relative_to(root)) if name.is_relative_to(root) else ""
        words = command["command"].split()
        files = made_of.get(words[words.index("-o") + 1])
        if name in result and files:
            state = hashlib.sha256(rules.digest() + command["command"].encode() + digest_of(files, cache))
            result[name] = state.hexdigest()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, epilog="Example: git ls-files 'src/*.cc' | tools/tidy.py --build build/asan")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a built folder with compile_commands.json")
    options = parser.parse_args()
    root = pathlib.Path(__file__).resolve().parent.parent
    marks = options.build / "tidy"
    marks.mkdir(exist_ok=True)
    sources = [line.strip() for line in sys.stdin if line.strip()]
    state = states(options.build.resolve(), sources, root)
    due = [s for s in sources if not state[s] or not (marks / state[s]).exists()]
    print(f"clang-tidy: {len(due)} of {len(sources)} files to look at", file=sys.stderr, flush=True)

    def look(source):
        done = subprocess.run([TIDY, "-p", str(options.build), "--quiet", "--warnings-as-errors=*", source],
                              cwd=root, capture_output=True, text=True)
        if done.returncode == 0 and state[source]:
            (marks / state[source]).touch()
        return source, done

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for n, (source, done) in enumerate(pool.map(look, due), 1):
            if done.returncode != 0:
                failed += 1
                print(f"{source}:\n{done.stdout}{done.stderr if not done.stdout else ''}", flush=True)
            elif n % 25 == 0:
                print(f"clang-tidy: {n} of {len(due)}", file=sys.stderr, flush=True)
    print(f"clang-tidy: {failed} of {len(sources)} files with findings", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
