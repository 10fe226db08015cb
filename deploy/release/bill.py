#!/usr/bin/env python3
"""What the program is made of, from Cargo.lock and the sources that cargo fetched; what the image is made of, from its files.

  bill.py sbom [FILE]         a bill of materials of the program, CycloneDX 1.5
  bill.py third-party [FILE]  every package with its licence, and the licences' texts
  bill.py packages ROOT       the Debian packages that the files of an image's root are of
  bill.py image ROOT [FILE]   a bill of materials of the image: the program's, and those packages with their files
"""

import collections
import datetime
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
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET,
               "--features", "opentelemetry,parquet"]
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


def moment():
    """When it was committed: the same sources give the same bill."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if not epoch:
        return {}
    at = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc)
    return {"timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ")}


def bill(of, components, dependencies):
    """A bill whose number follows from what is in it."""
    text = json.dumps([of, components, dependencies], sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "metadata": {**moment(), "component": of,
                     "tools": {"components": [{"type": "application", "name": "deploy/release/bill.py"}]}},
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in dependencies],
    }, indent=1, ensure_ascii=False) + "\n"


def parts():
    """The program, what it is made of, and what of that stands on what."""
    root, packages, edges = shipped(metadata())
    sums = checksums()
    rest = sorted((id for id in packages if id != root), key=lambda id: purl(packages[id]))
    return (component(packages[root], sums, "application"), [component(packages[id], sums) for id in rest],
            [(purl(packages[id]), [purl(packages[d]) for d in edges[id]]) for id in [root, *rest]])


def sbom():
    return bill(*parts())


# What of the image is nobody else's: the program, and what root.sh writes.
OURS = re.compile(r"/usr/bin/bongsu|/usr/share/doc/bongsu/.*|/etc/(passwd|group|nsswitch\.conf)|/var/lib/dpkg/status\.d/.*")


def owners(root):
    """The files of each Debian package in an image's root. A file that is nobody's ends it."""
    found = collections.defaultdict(list)
    for path in sorted(path for path in pathlib.Path(root).rglob("*") if path.is_file()):
        name = "/" + str(path.relative_to(root))
        if OURS.fullmatch(name):
            continue
        if copyright := re.fullmatch(r"/usr/share/doc/([^/]+)/copyright", name):
            found[copyright[1]].append((name, path))
        elif name == "/etc/ssl/certs/ca-certificates.crt":  # put together by that package's own script
            found["ca-certificates"].append((name, path))
        else:
            said = subprocess.run(["dpkg-query", "--search", name], capture_output=True, text=True)
            if said.returncode:
                sys.exit(f"bill.py: {name} is of no package")
            found[said.stdout.split(":")[0]].append((name, path))
    return found


def debian(package, files):
    form = "${Version}\t${Architecture}\t${Maintainer}\t${Homepage}"
    asked = subprocess.run(["dpkg-query", "--show", f"--showformat={form}", package],
                           check=True, capture_output=True, text=True)
    version, architecture, maintainer, homepage = asked.stdout.split("\t")
    ref = f"pkg:deb/debian/{package}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}"
    one = {"type": "library", "bom-ref": ref, "name": package, "version": version, "purl": ref, "publisher": maintainer,
           "components": [{"type": "file", "name": name, "hashes": [
               {"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]} for name, path in files]}
    if homepage:
        one["externalReferences"] = [{"type": "website", "url": homepage}]
    return one


def image(root):
    program, libraries, edges = parts()
    packages = [debian(package, files) for package, files in sorted(owners(root).items())]
    program["hashes"] = [{"alg": "SHA-256",
                          "content": hashlib.sha256(pathlib.Path(root, "usr/bin/bongsu").read_bytes()).hexdigest()}]
    version = program["version"]
    of = {"type": "container", "bom-ref": f"bongsu-image@{version}", "name": "bongsu", "version": version}
    refs = [package["bom-ref"] for package in packages]
    edges += [(ref, []) for ref in refs]
    return bill(of, [program, *libraries, *packages], [(of["bom-ref"], [program["bom-ref"], *refs]), *edges])


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
    made = {"sbom": sbom, "third-party": third_party, "image": image,
            "packages": lambda root: "".join(f"{package}\n" for package in sorted(owners(root)))}
    what, *rest = sys.argv[1:] or [""]
    if what not in made or (what in ("image", "packages") and not rest):
        sys.exit(__doc__)
    text = made[what](rest.pop(0)) if what in ("image", "packages") else made[what]()
    if rest:
        pathlib.Path(rest[0]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
