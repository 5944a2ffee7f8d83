"""What is shared stays small, files stay readable, and nothing is called by a name that says nothing."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
BUDGETS = {"services/kernel": (300, 250), "services/chassis": (2000, 250)}
MOST_LINES = 400
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "shared"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def over_budget(folder: Path, total: int, each: int) -> list[str]:
    sizes = {path: lines(path) for path in sorted(folder.rglob("*.py"))}
    found = [f"{path.name} has {size} lines of {each}" for path, size in sizes.items() if size > each]
    if sum(sizes.values()) > total:
        found.append(f"{folder.name} has {sum(sizes.values())} lines of {total}")
    return found


def too_long(folder: Path) -> list[str]:
    return [f"{path} has {lines(path)} lines" for path in sorted(folder.rglob("*.py")) if lines(path) > MOST_LINES]


def empty_names(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.rglob("*.py")) if path.stem in EMPTY_NAMES]


def test_kernel_and_chassis_keep_their_budgets() -> None:
    assert [found for name, budget in BUDGETS.items() for found in over_budget(ROOT / name, *budget)] == []


def test_no_file_is_too_long_to_read() -> None:
    assert [found for name in ("services", "gateway", "deploy") for found in too_long(ROOT / name)] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [found for name in ("services", "gateway", "deploy") for found in empty_names(ROOT / name)] == []


def test_a_planted_violation_is_found(tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text("x = 1\n" * 10)
    assert over_budget(tmp_path, 10, 10) == []
    (tmp_path / "utils.py").write_text("x = 1\n" * 401)
    found = over_budget(tmp_path, 300, 250)
    assert found == ["utils.py has 401 lines of 250", f"{tmp_path.name} has 411 lines of 300"]
    assert len(too_long(tmp_path)) == len(empty_names(tmp_path)) == 1
