import contextlib
import errno

import pandas as pd
import pytest

from companion.errors import CompanionError
from companion.evaluation import store as store_module
from companion.evaluation.store import ROWS, Store, content_key, to_frame


def row(key, **values):
    return dict.fromkeys(ROWS.names) | {"key": key} | values


def test_rows_come_back_as_they_were(tmp_path):
    rows = [row("a", letter_probs=[0.25, 0.75], correct=True, answer="B"), row("b", letter_probs=None, entropy=0.1)]
    Store(tmp_path).append(rows)
    found = Store(tmp_path).read(["a", "b", "c"])
    assert found == {"a": rows[0], "b": rows[1]}
    assert list(to_frame([found["b"], found["a"]])["key"]) == ["b", "a"]


def test_parts_are_added_and_never_changed(tmp_path):
    store = Store(tmp_path)
    store.append([row("a")])
    (first,) = tmp_path.glob("*.parquet")
    before = first.read_bytes()
    store.append([row("b")])
    store.append([])
    assert len(list(tmp_path.iterdir())) == 2
    assert first.read_bytes() == before
    assert set(store.read(["a", "b"])) == {"a", "b"}


def test_a_truncated_part_is_named_and_the_others_are_kept(tmp_path):
    store = Store(tmp_path)
    store.append([row("a")])
    (part,) = tmp_path.glob("*.parquet")
    store.append([row("b")])
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(CompanionError, match=rf"{part.name} is damaged.*delete it and run the same command again"):
        store.read(["a", "b"])
    part.unlink()
    assert set(store.read(["a", "b"])) == {"b"}


def test_an_empty_part_is_damaged_too(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"")
    with pytest.raises(CompanionError, match=r"x\.parquet is damaged"):
        Store(tmp_path).read([])


def test_a_full_disk_is_one_sentence_and_loses_no_finished_row(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.append([row("a")])

    def full(table, where):
        where.write_bytes(b"PAR1 half a file")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(store_module.pq, "write_table", full)
    with pytest.raises(CompanionError, match=r"No space left on device.*free some space and run the same command"):
        store.append([row("b")])
    assert set(store.read(["a", "b"])) == {"a"}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CompanionError, match=r"cannot make the folder .*choose another --out"):
        Store(tmp_path / "file" / "runs")


def test_keys_follow_content():
    assert content_key(a=1, b="x") == content_key(b="x", a=1)
    assert content_key(a=1) != content_key(a=2) != content_key(a="2")


def test_packing_keeps_every_row_in_one_file_a_model(tmp_path):
    store = Store(tmp_path)
    for k in range(6):
        store.append([row(f"{k}{name}", model=name) for name in ("a", "org/b")])
    before = store.read()
    assert sorted(file.name for file in store.pack("model")) == ["a.parquet", "org--b.parquet"]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.parquet", "org--b.parquet"]
    assert store.read() == before
    store.append([row("7a", model="a")])
    store.pack("model")
    assert set(store.read()) == {*before, "7a"}


def test_shipped_folders_are_read_and_never_written(tmp_path):
    Store(tmp_path / "shipped").append([row("a")])
    store = Store(tmp_path / "mine", shipped=[tmp_path / "shipped", tmp_path / "none"])
    store.append([row("b")])
    assert set(store.read()) == {"a", "b"}
    assert set(store.read(["a", "c"])) == {"a"}
    assert len(list((tmp_path / "shipped").iterdir())) == len(list((tmp_path / "mine").iterdir())) == 1


@pytest.mark.parametrize("names", [("a/b", "a--b"), ("a/b", "a--b", "A/b"), ("m", "M")])
def test_packing_loses_no_row_of_models_whose_files_would_have_one_name(tmp_path, names):
    store = Store(tmp_path)
    for name in names:
        store.append([row(name, model=name)])
    before = store.read()
    for _ in range(2):
        packed = store.pack("model")
        assert len({file.name.casefold() for file in packed}) == len(names)
        assert sorted(packed) == sorted(tmp_path.iterdir())
        assert store.read() == before
    # A model that had the plain name by itself, and then no longer.
    alone = Store(tmp_path / "alone")
    alone.append([row(names[0], model=names[0])])
    alone.pack("model")
    for name in names[1:]:
        alone.append([row(name, model=name)])
    alone.pack("model")
    assert alone.read() == before


@pytest.mark.parametrize("after", range(12))
def test_packing_that_is_stopped_anywhere_loses_no_row(tmp_path, monkeypatch, after):
    store = Store(tmp_path)
    store.append([row("old", model="a/b")])
    store.pack("model")
    for name in ("a/b", "a--b", "c"):
        store.append([row(name, model=name)])
    before, steps = store.read(), iter(range(after))

    def stopping(function):
        def does(*arguments, **named):
            if next(steps, None) is None:
                raise KeyboardInterrupt
            return function(*arguments, **named)

        return does

    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            patch.setattr(store_module.Path, name, stopping(getattr(store_module.Path, name)))
        with contextlib.suppress(KeyboardInterrupt):
            store.pack("model")
        assert store.read() == before
    store.pack("model")
    assert store.read() == before
    assert len(list(tmp_path.glob("[!.]*"))) == 3


def test_rows_of_an_earlier_version_are_one_sentence_and_no_rows_without_a_perturbation(tmp_path):
    pd.DataFrame({"key": ["k"], "variant": ["base"]}).to_parquet(tmp_path / "old.parquet")
    with pytest.raises(CompanionError, match=r"old\.parquet has no keys of version 2.*give another --out"):
        Store(tmp_path).read()
