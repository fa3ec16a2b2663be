"""The commands that the documentation shows, taken out of its Markdown.

A command stands in a fence of the language `console`, behind a `$ `; what it prints may stand below
it. A fence such as ```` ```yaml web-1.yaml ```` is a file that commands of the same page use.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROMPT = "$ "
PROGRAMS = (
    "argocd|curl|docker|export|flux|git|helm|kubectl|make|openstack|pip|promtool|python3?|"
    r"serveractions|source|uv|\.venv/bin/\w+"
)
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)(?: (?P<file>\S+))?$")
_HIDDEN = re.compile(rf"^ {{2,}}(?:\$ )?(?:{PROGRAMS}) \S")


@dataclass(frozen=True)
class Command:
    """One command of one page.

    Attributes:
        text: All of its lines, without the prompt.
        output: What the page shows of its output.
    """

    page: str
    line: int
    text: str
    output: tuple[str, ...]

    @property
    def bare(self) -> str:
        """The command on one line, without the comment at its end."""
        return re.sub(r"\s+# .*$", "", " ".join(self.text.replace("\\\n", " ").split()))

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.bare}"


@dataclass(frozen=True)
class Fence:
    """One fenced block."""

    line: int
    language: str
    file: str | None
    content: tuple[str, ...]


def pages() -> list[Path]:
    """Return all pages that people read commands from."""
    return sorted(
        [ROOT / "README.md", ROOT / "tests" / "e2e" / "README.md", *ROOT.glob("deploy/**/*.md")]
    )


def commands(page: Path) -> Iterator[Command]:
    """Yield the commands of a page, in order."""
    name = str(page.relative_to(ROOT))
    for fence in fences(page):
        if fence.language == "console":
            yield from _commands(name, fence)


def files(page: Path) -> dict[str, str]:
    """Return the files that a page shows, by name."""
    return {fence.file: "\n".join((*fence.content, "")) for fence in fences(page) if fence.file}


def hidden(page: Path) -> list[str]:
    """Return lines that look like commands and stand in no `console` fence."""
    inside = {
        number
        for fence in fences(page)
        for number in range(fence.line, fence.line + len(fence.content) + 2)
    }
    found = [
        f"{page.relative_to(ROOT)}:{number}: {line.strip()}"
        for number, line in enumerate(page.read_text().splitlines(), 1)
        if number not in inside and _HIDDEN.match(line)
    ]
    for fence in fences(page):
        if fence.language in ("", "bash", "sh", "shell"):
            found += [
                f"{page.relative_to(ROOT)}:{fence.line}: {line}"
                for line in fence.content
                if re.match(rf"(?:\$ )?(?:{PROGRAMS}) \S", line)
            ]
    return found


def fences(page: Path) -> Iterator[Fence]:
    """Yield the fenced blocks of a page."""
    begin: re.Match[str] | None = None
    start, content = 0, []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        found = _FENCE.match(line)
        if begin is None:
            if found:
                begin, start, content = found, number, []
        elif line.strip() == "```":
            yield Fence(start, begin["language"], begin["file"], tuple(content))
            begin = None
        else:
            content.append(line.removeprefix(begin["indent"]))
    assert begin is None, f"{page}: the fence in line {start} has no end"


def _commands(page: str, fence: Fence) -> Iterator[Command]:
    text: list[str] = []
    output: list[str] = []
    begin, ending = 0, ""
    for number, line in enumerate(fence.content, fence.line + 1):
        if ending:  # the text between << and its end belongs to the command
            text.append(line)
            ending = "" if line == ending else ending
            continue
        if line.startswith(PROMPT):
            if text:
                yield Command(page, begin, "\n".join(text), tuple(output))
            begin, text, output = number, [line.removeprefix(PROMPT)], []
        elif text and not output and text[-1].endswith("\\"):
            text.append(line)
        else:
            assert text, f"{page}:{number}: this is in a console, below no command"
            output.append(line)
            continue
        if here := re.search(r"<<-?'?(\w+)'?", line):
            ending = here[1]
    if text:
        yield Command(page, begin, "\n".join(text), tuple(output))
