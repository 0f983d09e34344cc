"""Fold batch norm into the convolution before it, for inference."""

import copy
from itertools import pairwise
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def fuse_batch_norm(network: Network) -> Network:
    """A copy in eval mode in which every convolution that a batch norm follows, in order of definition, includes it."""
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        for (name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return network
