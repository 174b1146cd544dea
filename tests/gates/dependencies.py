#!/usr/bin/env python3
"""Checks the dependency graph where cargo-deny and cargo-machete are not installed.

usage: dependencies.py        from anywhere in the checkout; needs cargo, and Python 3.11 for tomllib

- bans, licences and sources, by the lists of deny.toml (bans understand `name` and `name:<version`)
- dependencies of Cargo.toml that no source file names; a dependency needed without being named goes to
  `[package.metadata.cargo-machete] ignored = […]`, as for cargo-machete itself

Advisories are not checked: that takes RustSec's database, which cargo-deny fetches.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Where a dependency of each kind may be used.
USED_IN = {None: ["src"], "build": ["build.rs"], "dev": ["src", "tests", "benches", "examples"]}


def main():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    targets = rules["graph"]["targets"]
    metadata = json.loads(cargo("metadata", "--format-version", "1", *each("--filter-platform", targets)))
    built = built_packages(targets)
    packages = [package for package in metadata["packages"] if (package["name"], package["version"]) in built]
    root = next(package for package in packages if package["id"] == metadata["resolve"]["root"])

    problems = [
        *banned(packages, rules["bans"]["deny"]),
        *unlicensed(packages, set(rules["licenses"]["allow"])),
        *foreign(packages),
        *unused(root),
    ]
    for problem in problems:
        print(f"dependencies: {problem}")
    if problems:
        sys.exit(1)
    print(f"dependencies: {len(packages)} packages in order")


def cargo(command, *arguments):
    command = ["cargo", command, "--locked", "--all-features", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE).stdout


def built_packages(targets):
    """Names and versions of what is really built; `cargo metadata` also lists optional parts left out."""
    shown = ["--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}", "--no-dedupe"]
    lines = cargo("tree", *shown, *each("--target", targets)).splitlines()
    return {(name, number.removeprefix("v")) for name, number in (line.split()[:2] for line in lines if line)}


def each(option, values):
    return [word for value in values for word in (option, value)]


def banned(packages, entries):
    for entry in entries:
        name, _, below = entry["crate"].partition(":<")
        for package in packages:
            if package["name"] == name and (not below or version(package["version"]) < version(below)):
                yield f"{name} {package['version']} is banned: {entry['reason']}"


def version(text):
    """The numbers of a version; a pre-release counts as its release."""
    numbers = [int(part) for part in re.match(r"[\d.]+", text)[0].strip(".").split(".")]
    return numbers + [0] * (3 - len(numbers))


def unlicensed(packages, allowed):
    for package in packages:
        expression = package["license"]
        if expression is None:
            yield f"{package['name']} {package['version']} declares no licence"
        elif not licence_allowed(expression, allowed):
            yield f"{package['name']} {package['version']} is licensed {expression}"


def licence_allowed(expression, allowed):
    """Evaluates an SPDX expression: AND binds tighter than OR; old manifests write `/` for OR."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        value = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        name = tokens.pop(0)
        if name == "(":
            value = either()
            tokens.pop(0)
            return value
        if tokens and tokens[0] == "WITH":
            name = f"{name} WITH {tokens[1]}"
            del tokens[:2]
        return name in allowed

    return either()


def foreign(packages):
    """One registry for everything, and nothing from elsewhere."""
    usual = next(package["source"] for package in packages if package["source"])
    for package in packages:
        source = package["source"]
        if source is not None and (source != usual or not source.startswith("registry+")):
            yield f"{package['name']} {package['version']} comes from {source}"


def unused(root):
    ignored = ((root["metadata"] or {}).get("cargo-machete") or {}).get("ignored", [])
    for dependency in root["dependencies"]:
        name = dependency["rename"] or dependency["name"]
        if name not in ignored and not named_in(name.replace("-", "_"), USED_IN[dependency["kind"]]):
            yield f"{name} is declared in Cargo.toml but not used"


def named_in(crate, places):
    named = re.compile(rf"\b{crate}(::|!)|\buse (::)?{crate}\b|\bextern crate {crate}\b")
    return any(named.search(path.read_text()) for path in source_files(places))


def source_files(places):
    for place in places:
        path = ROOT / place
        yield from [path] if path.is_file() else path.rglob("*.rs")


if __name__ == "__main__":
    main()
