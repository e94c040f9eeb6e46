"""pyproject.toml says what is wanted, requirements.lock what exactly is installed, environment.yml points to it."""

import re
import subprocess
import sys
import tomllib

import pytest
import yaml


def names(requirements):
    return {re.split(r"[<>=\[ ;]", line, maxsplit=1)[0].lower().replace("_", "-") for line in requirements}


def lock(root):
    lines = (root / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_lock_pins_everything_that_is_wanted_and_nothing_for_a_gpu(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pinned = lock(root)
    assert all(re.fullmatch(r"[A-Za-z0-9_.\-]+==[A-Za-z0-9.]+", line) for line in pinned)
    wanted = names(project["dependencies"]) | names(project["optional-dependencies"]["dev"])
    assert wanted <= names(pinned)
    assert not {n for n in names(pinned) if n.startswith(("nvidia", "torchvision", "triton", "vllm", "ray"))}


def test_the_lock_satisfies_the_bounds_of_the_project(root):
    from packaging.requirements import Requirement

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    versions = dict(line.lower().replace("_", "-").split("==") for line in lock(root))
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(versions[requirement.name.lower()]), text


def test_the_design_cards_packages_are_wanted(root):
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    card = {"jupyterlab", "papermill", "transformers", "torch", "seaborn", "pandas", "ipywidgets"}
    assert card <= names(project["dependencies"])


@pytest.mark.parametrize("name", ["environment.yml", "binder/environment.yml"])
def test_conda_and_binder_install_the_same_pins_and_the_package(root, name):
    """pip reads paths as seen from the folder of the environment file."""
    wanted = yaml.safe_load((root / name).read_text())["dependencies"]
    python = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"python={python.removeprefix('>=')}" in wanted
    *_, pins, package = wanted[-1]["pip"]
    folder = (root / name).parent
    assert pins.startswith("-r ")
    assert (folder / pins.removeprefix("-r ")).samefile(root / "requirements.lock")
    assert package.startswith("--editable ")
    assert (folder / package.removeprefix("--editable ")).samefile(root)


@pytest.mark.slow
def test_importing_companion_loads_nothing_heavy():
    modules = "companion.perturbations.perturbation, companion.cli"
    code = f"import sys, {modules}; print({{'torch', 'transformers'}} & {{*sys.modules}})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
