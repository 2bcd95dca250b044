"""Every stable error code of the source is in docs/errors.md, and every code there is in the source."""

import pathlib
import re
import sys

PAGE = "docs/errors.md"
COMMENT = re.compile(r"//[^\n]*")
CODE = re.compile(r'"([a-z][a-z0-9_]*)"')
# Error(ErrorKind::X, "code", ...), also with a choice of two codes before the comma.
BY_KIND = re.compile(r"(?:ErrorKind::\w+|\bkKind)\s*,([^,;]*),")
# reject(400, "code", ...) and fail(413, "code", ...): the kind is in the helper.
BY_STATUS = re.compile(r'\b(?:reject|fail)\(\s*[1-5]\d\d\s*,\s*"([a-z][a-z0-9_]*)"')
# failure("code", ...): likewise.
BY_HELPER = re.compile(r'\bfailure\(\s*"([a-z][a-z0-9_]*)"')
REASON = re.compile(r'case OutcomeKind::\w+:\s*return "([a-z_]+)"')
# A code that a helper is handed: its callers are what the other patterns find.
PARAMETERS = {"code", "choice.code"}


def codes_of(root: pathlib.Path) -> tuple[dict[str, str], list[str]]:
    found: dict[str, str] = {}
    problems = []
    for path in sorted([*root.glob("src/**/*.[ch]pp"), *root.glob("include/**/*.hpp")]):
        text = COMMENT.sub("", path.read_text())
        where = str(path.relative_to(root))
        for argument in BY_KIND.findall(text):
            codes = CODE.findall(argument)
            if not codes and argument.strip() not in {*PARAMETERS, '""'}:
                problems.append(f"{where}: the code of an Error is no literal: {argument.strip()}")
            found.update((code, where) for code in codes)
        for pattern in (BY_STATUS, BY_HELPER):
            found.update((code, where) for code in pattern.findall(text))
    return found, problems


def tables_of(page: str) -> dict[str, set[str]]:
    """The codes of each section's table: what stands in backticks in the column of codes."""
    tables: dict[str, set[str]] = {}
    section, column = "", -1
    for line in page.splitlines():
        if line.startswith("## "):
            section, column = line[3:], -1
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if column < 0:
            column = next(i for i, cell in enumerate(cells) if cell.strip("`") in ("type", "code", "reason"))
            tables[section] = set()
        else:
            tables[section].update(re.findall(r"`([a-z0-9_]+)`", cells[column]))
    return tables


def main(root: pathlib.Path) -> int:
    tables = tables_of((root / PAGE).read_text())
    reasons = tables.pop("Why an attempt failed")
    listed = set().union(*tables.values())
    codes, problems = codes_of(root)
    problems += [f"{codes[code]}: '{code}' is not in {PAGE}" for code in sorted(codes.keys() - listed)]
    problems += [f"{PAGE}: '{code}' is nowhere in the source" for code in sorted(listed - codes.keys())]
    known = set(REASON.findall((root / "src/routing/outcome.cpp").read_text()))
    problems += [f"{PAGE}: the reasons differ from the source's: {', '.join(sorted(known ^ reasons))}"] if known ^ reasons else []
    print("\n".join(problems) or f"errors: clean, {len(codes)} codes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
