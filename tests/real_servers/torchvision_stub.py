"""Lets torchvision be imported where its compiled part does not go with the build of torch; nothing here calls it.

Importing this declares what the two operators would look like that torchvision asks for.
"""

import torch


def _declared() -> torch.library.Library:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


LIBRARY = _declared()  # what is declared lasts as long as this
