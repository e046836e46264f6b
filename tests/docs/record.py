"""Runs real questions in a terminal of its own and keeps what it showed as docs/demo.svg: `make picture`."""

import io
import os
import pty
import re
import shlex
import struct
import sys
import tempfile
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "demo.svg"
CLIP = "examples/reel.mp4"
QUESTIONS = ("Describe this video: what is seen, what is said, and when?", "What was stolen?")
WIDTH, HEIGHT = 100, 40
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n])|([^\x1b\r\n]+)")


def main() -> None:
    console = Console(record=True, width=WIDTH, force_terminal=True, file=io.StringIO())
    with tempfile.TemporaryDirectory() as data:
        for question in QUESTIONS:
            words = ["kinoscribe", "analyze", CLIP, question]
            console.print(Text(f"$ {' '.join(words[:3])} {shlex.quote(question)}", "bold"))
            shown = _shown([sys.executable, "-m", "kinoscribe.cli.main", *words[1:]], data)
            for line in shown:
                console.print(Text.from_ansi(line))
            console.print()
    picture = console.export_svg(title="kinoscribe", theme=MONOKAI, unique_id="demo")
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
    PICTURE.write_text(re.sub(r"font-family: ?Fira Code, ?monospace", f"font-family: {FONTS}", picture))


def _shown(command: list[str], data: str) -> list[str]:
    """Runs a command in a terminal and returns the lines it leaves on the screen, colours included."""
    environment = {
        **os.environ,
        "KINOSCRIBE_DATA_DIR": data,
        "KINOSCRIBE_MODELS_DIR": str(ROOT / ".kinoscribe" / "models"),
        "TERM": "xterm-256color",
        "COLUMNS": str(WIDTH),
        "LINES": str(HEIGHT),
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(command[0], command, environment)
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    written = bytearray()
    while True:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, written.decode(errors="replace")
    return screen(written.decode())


def screen(written: str) -> list[str]:
    """The lines a terminal shows after `written`, for the few movements that progress bars make."""
    lines, row = [""], 0
    for token in _TOKEN.finditer(written):
        numbers, letter, movement, text = token.groups()
        if movement == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif movement == "\r" or letter == "K":
            # Bars always write a whole line anew after going back to its beginning.
            lines[row] = lines[row] if written[token.end() : token.end() + 1] == "\n" else ""
        elif letter == "A":
            row = max(0, row - int(numbers or 1))
        elif letter == "m":
            lines[row] += token[0]
        elif text:
            lines[row] += text
    while lines and not lines[-1].strip():
        lines.pop()
    return lines


if __name__ == "__main__":
    main()
