"""Downloads the packages named in packages.json through the registries' own clients.

Nothing is built or installed: archives stay as they are, and pairs.py reads them in place. A package that a registry
does not know, or that needs more than the given limits, is reported and left out.

Usage: fetch.py WORK_FOLDER [ecosystem ...]
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
COMMAND_TIMEOUT_S = 900


def run(command, **keywords):
    """Runs one client command; returns (succeeded, its last line)."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=COMMAND_TIMEOUT_S, **keywords)
    except subprocess.TimeoutExpired:
        return False, "timed out"
    lines = done.stdout.strip().splitlines()
    return done.returncode == 0, lines[-1] if lines else ""


def each(names, action, threads):
    """Runs action(name) for all names, reports the failures."""
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for name, (succeeded, line) in zip(names, pool.map(action, names)):
            if not succeeded:
                print(f"left out: {name}: {line[:160]}", flush=True)


def fetch_debian(names, folder):
    """Source packages of the distribution, with an own list of sources, so that the machine's is left alone."""
    state = folder / "apt"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    sources = pathlib.Path("/etc/apt/sources.list.d/debian.sources").read_text()
    stanzas = [stanza for stanza in sources.split("\n\n") if "-security" not in stanza]
    (state / "source.sources").write_text(re.sub(r"^Types: deb$", "Types: deb-src", "\n\n".join(stanzas), flags=re.M))
    options = ["-o", f"Dir::Etc::sourcelist={state}/source.sources", "-o", "Dir::Etc::sourceparts=/dev/null",
               "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"]
    print(run(["apt-get", *options, "update"]))

    def fetch(name):
        target = folder / name
        if target.exists() and any(target.glob("*.dsc")):
            return True, ""
        target.mkdir(exist_ok=True)
        return run(["apt-get", *options, "source", "--download-only", "--only-source", name], cwd=target)

    each(names, fetch, 6)


def fetch_pypi(names, folder):
    """Wheels hold the Python sources as installed; no set-up code is run."""
    def fetch(name):
        return run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
                    "--disable-pip-version-check", "--dest", str(folder), name])

    each(names, fetch, 4)


def fetch_npm(names, folder):
    """Package tarballs."""
    def fetch(name):
        return run(["npm", "pack", "--silent", name], cwd=folder)

    each(names, fetch, 4)


def fetch_crates(names, folder):
    """Crates, and those they depend on, into an own cargo home."""
    project = folder / "project"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src" / "lib.rs").write_text("")
    environment = dict(os.environ, CARGO_HOME=str(folder / "home"))
    names = list(names)
    while names:
        dependencies = "".join(f'{name} = "*"\n' for name in names)
        (project / "Cargo.toml").write_text(
            '[package]\nname = "gather"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n' + dependencies)
        done = subprocess.run(["cargo", "fetch"], cwd=project, env=environment, text=True, stderr=subprocess.PIPE)
        if done.returncode == 0:
            return
        # Two crates that link one system library, or an unknown name, stop the resolver: leave the culprit out.
        culprits = [name for name in re.findall(r"`([\w-]+)(?: = | v)?", done.stderr) if name in names]
        unknown = [name for name in re.findall(r"no matching package named `([\w-]+)`", done.stderr) if name in names]
        culprit = (unknown or culprits[:1] or [None])[0]
        print("left out:", culprit, done.stderr[-300:], flush=True)
        if culprit is None:
            return
        names.remove(culprit)


def fetch_go(names, folder):
    """Modules, into an own module cache."""
    environment = dict(os.environ, GOMODCACHE=str(folder / "modules"), GOFLAGS="-modcacherw", GONOSUMDB="*",
                       GOTOOLCHAIN="local")

    def fetch(name):
        return run(["go", "mod", "download", name + "@latest"], cwd=folder, env=environment)

    each(names, fetch, 4)


def fetch_maven(names, folder):
    """Jars with sources of the named artifacts and of what they depend on, a few artifacts at a time."""
    def fetch(numbered):
        number, group = numbered
        project = folder / f"group{number}"
        project.mkdir(exist_ok=True)
        dependencies = "".join(
            "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>RELEASE</version></dependency>"
            .format(*name.split(":")) for name in group)
        (project / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>g</groupId><artifactId>a</artifactId>"
            f"<version>1</version><dependencies>{dependencies}</dependencies></project>")
        return run(["mvn", "-q", "-B", f"-Dmaven.repo.local={folder}/repository", "dependency:copy-dependencies",
                    "-Dclassifier=sources", "-DexcludeTransitive=true", f"-DoutputDirectory={folder}/jars",
                    "-Dmdep.prependGroupId=true"], cwd=project)

    names = list(names)
    each([(index, [name]) for index, name in enumerate(names)], fetch, 3)


def main():
    work = pathlib.Path(sys.argv[1]).resolve()
    packages = json.loads((HERE / "packages.json").read_text())
    packages.pop("about")
    for ecosystem in sys.argv[2:] or packages:
        folder = work / "downloads" / ecosystem
        folder.mkdir(parents=True, exist_ok=True)
        names = packages[ecosystem]["held_out"] + packages[ecosystem]["train"]
        globals()["fetch_" + ecosystem](names, folder)


if __name__ == "__main__":
    main()
