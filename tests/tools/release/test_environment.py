"""pyproject.toml, requirements.lock and environment.yml say the same; Binder takes the latter."""

import subprocess
import sys
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.pages.chapters import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
LOCK = {
    canonicalize_name(line.partition("==")[0]): line.partition(";")[0].strip().partition("==")[2]
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
}
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
PIP = next(entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict))


@pytest.mark.parametrize("line", PROJECT["dependencies"] + EXTRAS)
def test_the_lock_has_every_dependency_in_its_range(line):
    wanted = Requirement(line)
    assert LOCK[canonicalize_name(wanted.name)] in wanted.specifier


def test_the_lock_is_exact_and_names_no_build_or_host():
    assert all(version and "+" not in version for version in LOCK.values())
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_environment_is_the_lock_and_has_all_that_a_chapter_needs():
    pins = [Requirement(line) for line in PIP if not line.startswith("-")]
    for pin in pins:
        assert str(pin.specifier) == f"=={LOCK[canonicalize_name(pin.name)]}"
    needed = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["lab"]
    assert {Requirement(line).name for line in needed} <= {pin.name for pin in pins}
    assert "-e ." in PIP, "the package itself"


def test_the_only_host_is_pytorch_and_the_python_is_one_that_the_project_takes():
    hosts = [line for line in PIP if "://" in line]
    assert hosts == ["--extra-index-url https://download.pytorch.org/whl/cpu"]
    python = next(d for d in ENVIRONMENT["dependencies"] if str(d).startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python[7:])


def test_repo2docker_builds_from_environment_yml(tmp_path):
    for name in ("environment.yml", "postBuild", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    dockerfile = run.stdout + run.stderr
    copied, built = map(dockerfile.index, ("COPY --chown=0:0 src/", '--file "environment.yml"'))
    assert copied < built, "-e . needs the sources"
    assert "RUN ./postBuild" in dockerfile
    assert (ROOT / "postBuild").stat().st_mode & 0o111
