"""What `pip install 'companion[paper]'` would install today, without installing it. Needs uv and a package index."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.version import Version

pytestmark = pytest.mark.slow

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


def resolved(root, *options):
    """Name → version of everything that the extra `paper` resolves to."""
    command = [UV, "pip", "compile", "pyproject.toml", "--extra", "paper", "--python-version", "3.11", "--no-annotate"]
    done = subprocess.run([*command, "-q", *options], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: Version(found) for name, found in re.findall(r"^([\w-]+)==(\S+)", done.stdout, re.MULTILINE)}


@pytest.mark.skipif(UV is None, reason="uv is not installed")
@pytest.mark.parametrize("options", [(), ("--resolution", "lowest-direct")], ids=["newest", "lowest"])
def test_the_extra_for_paper_scale_resolves_to_a_vllm_that_takes_these_models(root, options):
    """With numpy >= 2.4, which no vLLM of this time takes, it resolved to vLLM 0.2.5 of 2023."""
    found = resolved(root, *options)
    assert found["vllm"] >= Version("0.30")
    assert found["transformers"] >= Version("5.20")
    assert found["trl"].release[:2] == (1, 16)


@pytest.mark.skipif(UV is None, reason="uv is not installed")
def test_what_is_told_to_be_installed_for_grpo_with_vllm_resolves(root, tmp_path):
    (line,) = re.findall(r"^pip install -e '.\[paper\]' (.*==.*)$", (root / "docs/paper-scale.md").read_text(), re.M)
    (tmp_path / "pins.txt").write_text("\n".join(line.split()))
    found = resolved(root, "--constraint", str(tmp_path / "pins.txt"))
    named = {name: Version(pin) for name, pin in (pin.split("==") for pin in line.split())}
    assert named.keys() == {"transformers", "trl", "vllm"}
    assert {name: found[name] for name in named} == named
    assert Version("0.22") <= named["vllm"] <= Version("0.31")  # what TRL 1.16 says that it takes
