"""The estimate of a study: sums and laws that it has to keep, and what the documentation quotes of it."""

import pytest

from companion.cli import main
from companion.training import gpu_hours

ITEMS = {"cv-bench": 2638, "vstar": 191}


def hours(**change):
    settings = {"items": ITEMS, "perturbations": 12, "gpu": gpu_hours.GPUS["h100"]} | change
    table = gpu_hours.hours_table(**settings)
    return table.set_index(["stage", "what"])["GPU-hours"].loc["all"].sum()


def test_the_last_line_is_the_sum():
    table = gpu_hours.hours_table(ITEMS, 12, gpu_hours.GPUS["h100"])
    for column in ("requests", "read (M)", "written (M)", "GPU-hours"):
        assert table[column].iloc[:-1].sum() == pytest.approx(table[column].iloc[-1])
    own = table[table["what"].str.endswith("7 models") & (table["stage"] == "evaluate")]
    assert own["requests"].sum() == 7 * 12 * sum(ITEMS.values())


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        ({"models": 14, "seeds": 10}, 2, 2),
        ({"response": 600}, 1.3, 2.2),
        ({"gpu": gpu_hours.GPUS["a100"]}, 1.2, 3.3),
        ({"gpu": gpu_hours.GPUS["h200"]}, 0.5, 1),
    ],
)
def test_what_the_hours_grow_with(change, low, high):
    assert low - 1e-9 <= hours(**change) / hours() <= high + 1e-9


def test_writing_is_bound_by_memory_and_reading_by_arithmetic():
    """One request by hand: reading 1,000 tokens and writing 10, alone in its batch."""
    size, gpu = gpu_hours.Size(1e9, 1000), gpu_hours.GPU("x", flops=1e12, bandwidth=1e10, memory=1e11)
    work = gpu_hours.Workload("x", size, 1, read=1000, written=10, kept=1e8)
    reading = 2e9 * 1000 / (gpu_hours.READING * 1e12)
    a_step = (2e9 + 1e8 * 1000) / (gpu_hours.WRITING * 1e10)
    assert work.hours(gpu) * 3600 == pytest.approx(reading + 10 * a_step)


def test_a_model_larger_than_a_gpu_is_spread():
    big = gpu_hours.judging(1000)
    assert 2 * gpu_hours.JUDGE.parameters > 0.7 * gpu_hours.GPUS["h100"].memory
    assert 0 < big.hours(gpu_hours.GPUS["h100"]) < 1


def test_the_documentation_quotes_what_the_command_prints(root, capsys):
    text = (root / "docs" / "paper-scale.md").read_text(encoding="utf-8")
    assert main(["plan"]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed in text


def test_unknown_names(capsys):
    assert main(["plan", "--gpu", "tpu"]) == 2
    assert "choose from a100, h100, h200" in capsys.readouterr().err
    assert main(["plan", "--benchmark", "microworld"]) == 2
    assert "no count of items for the benchmark 'microworld'" in capsys.readouterr().err
