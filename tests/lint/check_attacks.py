"""Every attack row of a fixed list is in docs/attacks.md, with tests that exist and carry its id, or with a reason."""

import pathlib
import re
import sys

ROWS = [
    f"{section}{number}"
    for section, numbers in {
        "H": range(1, 40),
        "J": range(1, 18),
        "C": range(1, 15),
        "E": range(1, 35),
        "U": range(1, 9),
        "F": range(1, 13),
        "L": range(1, 11),
        "B": (11,),
        "D": range(1, 9),
        "O": range(1, 7),
        "K": (*range(1, 7), 11),
    }.items()
    for number in numbers
]
ROW = re.compile(r"^\| ([A-Z]\d+) \| ([^|]+) \| (.+) \|$", re.MULTILINE)
REFERENCE = re.compile(r"`([\w.]+)::(\w+)`")
LEFT_OUT = re.compile(r"^left out: \S.{15,}$")
PYTHON_TEST = re.compile(r"^ {4}def (test_\w+)\(", re.MULTILINE)
CPP_TEST = re.compile(r"^TEST(?:_F|_P)?\(\w+, (\w+)\)", re.MULTILINE)
CPP_CASE = re.compile(r'[{(,]\s*"([A-Za-z]\w+)"')  # a case's name in a table


def tests_of(path: pathlib.Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return set(PYTHON_TEST.findall(text))
    return {*CPP_TEST.findall(text), *CPP_CASE.findall(text)}


def carries(name: str, row: str) -> bool:
    """Whether the id stands in the name: test_h1_x, H1_x, H1Text, H1H2Text, x_H1, H1ToH35Text."""
    if re.search(rf"(?:^|_|\d|To){row}(?!\d)", name, re.IGNORECASE):
        return True
    return any(
        first == last == row[0] and int(low) <= int(row[1:]) <= int(high)
        for first, low, last, high in re.findall(r"([A-Z])(\d+)To([A-Z])(\d+)", name)
    )


def problems(root: pathlib.Path) -> list[str]:
    files = {path.name: path for path in (root / "tests").rglob("*") if path.suffix in (".py", ".cpp")}
    found: list[str] = []
    seen: list[str] = []
    for row, _, shown in ROW.findall((root / "docs" / "attacks.md").read_text(encoding="utf-8")):
        seen.append(row)
        references = REFERENCE.findall(shown)
        if not references and not LEFT_OUT.match(shown):
            found.append(f"{row}: neither a test nor a reason that begins with 'left out: '")
        for file, name in references:
            if file not in files:
                found.append(f"{row}: there is no file {file} under tests/")
            elif name not in tests_of(files[file]):
                found.append(f"{row}: {file} has no test {name}")
            elif not carries(name, row):
                found.append(f"{row}: the name {name} does not carry the row's id")
    found += [f"{row}: not in docs/attacks.md" for row in ROWS if row not in seen]
    found += [f"{row}: listed twice" for row in sorted({row for row in seen if seen.count(row) > 1})]
    found += [f"{row}: not one of the rows that are promised" for row in seen if row not in ROWS]
    return found


def main() -> int:
    found = problems(pathlib.Path(sys.argv[1]))
    for problem in found:
        print(f"docs/attacks.md: {problem}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
