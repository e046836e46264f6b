"""Runs the scripted server as a process of its own: `python -m tests.model_server.main --family vllm`.

Its first line of output is its address. Each line of input is a JSON object: `nature` and `otherwise` change the server
by their fields' names, `seen` asks for a line with what came. It ends with its input.
"""

import argparse
import json
import sys

from tests.model_server.families import NAMES
from tests.model_server.script import Script
from tests.model_server.server import ModelServer, control


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--family", choices=NAMES, default="generic")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--text", default=None)
    options.add_argument("--first", type=float, default=0.0)
    options.add_argument("--between", type=float, default=0.0)
    chosen = options.parse_args()
    with ModelServer(chosen.family, port=chosen.port) as server:
        server.otherwise = Script(text=chosen.text, first=chosen.first, between=chosen.between)
        print(server.url, flush=True)
        for line in sys.stdin:
            body = json.loads(line)
            if body.get("seen"):
                told = [
                    {
                        "path": s.request.path,
                        "status": s.status,
                        "prompt_tokens": s.prompt_tokens,
                        "problem": s.problem,
                    }
                    for s in server.seen
                ]
                print(json.dumps(told), flush=True)
                continue
            control(server, body)
            print("{}", flush=True)


if __name__ == "__main__":
    main()
