"""pyproject.toml says what is wanted, requirements.lock what exactly is installed, environment.yml points to it."""

import re
import subprocess
import sys
import tomllib


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


def test_conda_installs_the_same_pins_and_the_package(root):
    text = (root / "environment.yml").read_text()
    python = tomllib.loads((root / "pyproject.toml").read_text())["project"]["requires-python"]
    assert f"python={python.removeprefix('>=')}" in text
    assert "- -r requirements.lock" in text
    assert "- --editable ." in text


def test_importing_companion_loads_nothing_heavy():
    code = (
        "import sys, companion, companion.variants, companion.cli; print({'torch', 'transformers'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
