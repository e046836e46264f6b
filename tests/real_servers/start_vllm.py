"""Starts vLLM's own server, also where torch and torchvision's compiled part do not go together.

Run by the Python that vLLM is installed for, with the server's options. Each process of the server does the same again.
"""

import runpy

import torchvision_stub

if __name__ == "__main__":
    assert torchvision_stub.LIBRARY is not None
    runpy.run_module("vllm.entrypoints.openai.api_server", run_name="__main__")
