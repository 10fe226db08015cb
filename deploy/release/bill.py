#!/usr/bin/env python3
"""What the program is made of, from Cargo.lock and the sources that cargo fetched.

  bill.py sbom [FILE]         a bill of materials, CycloneDX 1.5
  bill.py third-party [FILE]  every package with its licence, and the licences' texts
"""

import collections
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = "x86_64-unknown-linux-gnu"
TEXTS = re.compile(r"^(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)


def metadata():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)


def checksums():
    """The SHA-256 of each package as the registry served it, by name and version."""
    found, name, version = {}, None, None
    for line in (ROOT / "Cargo.lock").read_text().splitlines():
        key, _, value = line.partition(" = ")
        value = value.strip('"')
        if key == "name":
            name = value
        elif key == "version":
            version = value
        elif key == "checksum":
            found[name, version] = value
    return found


def shipped(data):
    """The program's package, and everything that is in it: neither tests nor tools of the build are."""
    packages = {package["id"]: package for package in data["packages"]}
    edges = {node["id"]: [dep["pkg"] for dep in node["deps"]
                          if any(kind["kind"] is None for kind in dep["dep_kinds"])] for node in data["resolve"]["nodes"]}
    root = next(id for id, package in packages.items() if package["name"] == "bongsu")
    seen, waiting = {root}, [root]
    while waiting:
        for dependency in edges[waiting.pop()]:
            if dependency not in seen:
                seen.add(dependency)
                waiting.append(dependency)
    return root, {id: packages[id] for id in seen}, {id: [d for d in edges[id] if d in seen] for id in seen}


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums, kind="library"):
    one = {"type": kind, "bom-ref": purl(package), "name": package["name"], "version": package["version"],
           "purl": purl(package)}
    if package.get("description"):
        one["description"] = " ".join(package["description"].split())
    if package.get("license"):
        one["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if (package["name"], package["version"]) in sums:
        one["hashes"] = [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}]
    if package.get("repository"):
        one["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return one


def sbom():
    root, packages, edges = shipped(metadata())
    sums = checksums()
    rest = sorted((id for id in packages if id != root), key=lambda id: purl(packages[id]))
    lock = hashlib.sha256((ROOT / "Cargo.lock").read_bytes()).digest()
    bill = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        # the same sources give the same bill
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=lock[:16], version=4)}",
        "metadata": {"component": component(packages[root], sums, "application"),
                     "tools": {"components": [{"type": "application", "name": "deploy/release/bill.py"}]}},
        "components": [component(packages[id], sums) for id in rest],
        "dependencies": [{"ref": purl(packages[id]), "dependsOn": sorted(purl(packages[d]) for d in edges[id])}
                         for id in [root, *rest]],
    }
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch:
        import datetime
        moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
        bill["metadata"]["timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(bill, indent=1, ensure_ascii=False) + "\n"


def third_party():
    root, packages, _ = shipped(metadata())
    others = sorted((package for package in packages.values() if package["source"]),
                    key=lambda package: (package["name"], package["version"]))
    lines = ["# Third parties", "",
             "Every package of somebody else's that the program contains, with its licence. Written by",
             "`deploy/release/bill.py third-party` from Cargo.lock; the licences' texts, each once, stand below.", "",
             "| package | version | licence |", "|---|---|---|"]
    texts = collections.defaultdict(set)
    for package in others:
        name = package["name"]
        where = package.get("repository")
        shown = f"[{name}]({where})" if where else name
        lines.append(f"| {shown} | {package['version']} | {package.get('license') or 'see its text'} |")
        folder = pathlib.Path(package["manifest_path"]).parent
        for path in sorted(folder.iterdir()):
            if path.is_file() and TEXTS.match(path.name):
                text = path.read_text(encoding="utf-8", errors="replace").strip()
                texts[re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)].add(name)
    for number, (text, names) in enumerate(sorted(texts.items(), key=lambda item: (sorted(item[1]), item[0])), 1):
        lines += ["", f"## Text {number}", "", "Of " + ", ".join(sorted(names)) + ".", "", "~~~~~text", text, "~~~~~"]
    return "\n".join(lines) + "\n"


def main():
    made = {"sbom": sbom, "third-party": third_party}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if made is None:
        sys.exit(__doc__)
    text = made()
    if len(sys.argv) > 2:
        pathlib.Path(sys.argv[2]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
