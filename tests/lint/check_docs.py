"""Links between documents lead somewhere, and no file names a path of one machine."""

import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
# Home and workplace folders; "/var", "/etc" and "/run" are the same on every machine.
MACHINE_PATH = re.compile(r"(?<![\w./~$}-])/(?:work|farm|root|home)/")
SKIPPED = {".git", ".cache", "build", "node_modules", "__pycache__"}
TEXT = {".md", ".py", ".sh", ".cpp", ".hpp", ".cmake", ".txt", ".json", ".yaml", ".yml", ""}


def files(root: pathlib.Path):
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        if path.is_file() and not SKIPPED.intersection(parts) and path.suffix in TEXT and "corpus" not in parts:
            yield path


def broken_links(path: pathlib.Path, text: str):
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:|#", target):
            continue
        if not (path.parent / target.split("#")[0]).exists():
            yield f"link to {target}, which does not exist"


def main(root: pathlib.Path) -> int:
    problems = []
    own = pathlib.Path(__file__).resolve()
    for path in files(root):
        if path.resolve() == own:
            continue
        text = path.read_text(errors="replace")
        where = path.relative_to(root)
        if path.suffix == ".md":
            problems += [f"{where}: {fault}" for fault in broken_links(path, text)]
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                problems.append(f"{where}:{number}: a path of one machine")
    print("\n".join(problems) or "docs: clean")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
