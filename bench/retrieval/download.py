"""Downloads what packages.json names, through the registries' own clients, each package by name and version.

Archives stay as they are; nothing is built or installed. WORK_FOLDER/downloads is laid out as models/fetch.py does it.
"""

import concurrent.futures
import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "models"))
import fetch as registry  # noqa: E402  (models/fetch.py)


def debian(names, folder):
    """Source packages of the distribution, in its current version: {name: archives}."""
    registry.fetch_debian(names, folder)
    return {name: sorted(path for path in (folder / name).glob("*.tar.*") if path.suffix != ".asc") for name in names}


def each(names, action, threads=4):
    """action(name) for all names; stops with what the client said when one fails."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for name, (succeeded, line) in zip(names, pool.map(action, names)):
            if not succeeded:
                sys.exit(f"could not fetch {name}: {line[:300]}")


def pypi(names, folder):
    """Wheels, which hold the Python sources as installed."""
    def wheel(name):
        return folder / "one" / re.sub("==.*", "", name)

    each(names, lambda name: (True, "") if list(wheel(name).glob("*.whl")) else registry.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
         "--disable-pip-version-check", "--dest", str(wheel(name)), name]))
    return {name: sorted(wheel(name).glob("*.whl")) for name in names}


def npm(names, folder):
    """Package tarballs."""
    def tarball(name):
        package, version = name.rsplit("@", 1)
        return folder / f"{package.strip('@').replace('/', '-')}-{version}.tgz"

    each(names, lambda name: (True, "") if tarball(name).exists()
         else registry.run(["npm", "pack", "--silent", name], cwd=folder))
    return {name: [tarball(name)] for name in names}


def crates(names, folder):
    """Crates, with those they depend on (cargo fetches no other way), into an own cargo home."""
    def found():
        return {name: sorted(folder.glob(f"home/registry/cache/*/{name.replace('@', '-')}.crate")) for name in names}

    if not all(found().values()):
        project = folder / "project"
        (project / "src").mkdir(parents=True, exist_ok=True)
        (project / "src" / "lib.rs").write_text("")
        lines = ['%s = "=%s"\n' % tuple(name.split("@")) for name in names]
        (project / "Cargo.toml").write_text(
            '[package]\nname = "gather"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n' + "".join(lines))
        succeeded, line = registry.run(["cargo", "fetch"], cwd=project,
                                             env=dict(os.environ, CARGO_HOME=str(folder / "home")))
        if not succeeded:
            sys.exit(f"cargo fetch: {line}")
    return found()


def go(names, folder):
    """Modules, into an own module cache."""
    environment = dict(os.environ, GOMODCACHE=str(folder / "modules"), GOFLAGS="-modcacherw", GOTOOLCHAIN="local")

    def archive(name):
        module, version = name.split("@")
        return folder / "modules/cache/download" / module / "@v" / f"{version}.zip"

    each(names, lambda name: (True, "") if archive(name).exists()
         else registry.run(["go", "mod", "download", name], cwd=folder, env=environment))
    return {name: [archive(name)] for name in names}


def maven(names, folder):
    """Jars with sources."""
    def jar(name):
        group, artifact, version = name.split(":")
        place = folder / "repository" / group.replace(".", "/") / artifact / version
        return place / f"{artifact}-{version}-sources.jar"

    each(names, lambda name: (True, "") if jar(name).exists() else registry.run(
        ["mvn", "-q", "-B", f"-Dmaven.repo.local={folder}/repository", "dependency:get",
         f"-Dartifact={name}:jar:sources", "-Dtransitive=false"]), threads=2)
    return {name: [jar(name)] for name in names}


CLIENTS = {"debian": debian, "pypi": pypi, "npm": npm, "crates": crates, "go": go, "maven": maven}


def fetch(work, listed):
    """{"ecosystem:name": its archives} for all packages that `listed`, packages.json, names."""
    wanted = {name for sides in listed["functions"].values() for side in sides.values() for name in side}
    wanted |= {f"debian:{name}" for side in listed["commits"].values() for name in side}
    archives = {}
    for ecosystem, client in CLIENTS.items():
        names = sorted(name.split(":", 1)[1] for name in wanted if name.startswith(ecosystem + ":"))
        folder = work / "downloads" / ecosystem
        folder.mkdir(parents=True, exist_ok=True)
        for name, found in client(names, folder).items():
            if not found:
                sys.exit(f"{ecosystem} has no {name}")
            archives[f"{ecosystem}:{name}"] = found
    return archives
