"""What is shared stays small, files stay readable, and nothing is called by a name that says nothing."""

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Logical lines in all, physical lines a file.
BUDGETS = {"services/kernel": (300, 250), "services/chassis": (2000, 250)}
MOST_LINES = 400
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "shared"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def logical_lines(path: Path) -> int:
    """Lines as the language counts them: neither formatting nor explanation makes them more or fewer."""
    source = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    documented = (node for node in ast.walk(ast.parse(source)) if isinstance(node, DOCUMENTED))
    return sum(token.type == tokenize.NEWLINE for token in tokens) - sum(
        ast.get_docstring(node) is not None for node in documented
    )


def over_budget(folder: Path, total: int, each: int) -> list[str]:
    paths = sorted(folder.rglob("*.py"))
    found = [f"{path.name} has {lines(path)} lines of {each}" for path in paths if lines(path) > each]
    logical = sum(map(logical_lines, paths))
    if logical > total:
        found.append(f"{folder.name} has {logical} logical lines of {total}")
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
    assert found == ["utils.py has 401 lines of 250", f"{tmp_path.name} has 411 logical lines of 300"]
    assert len(too_long(tmp_path)) == len(empty_names(tmp_path)) == 1


def test_formatting_and_explanation_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "explained.py"
    path.write_text(
        '"""What it is."""\n\n# Why.\nx = (\n    1,\n    2,\n)\n\n\ndef f():\n    """Does."""\n    return 1\n'
    )
    assert logical_lines(path) == 3
