"""A network of another kind: a small vision transformer (Dosovitskiy et al., ICLR 2021, ViT).

It cuts an image into 49 patches of 4×4 pixels and lets each of them attend to all, in four layers:
no convolution, no pooling. The stored run is named by the text of this file: with any change to it,
a comment too, the teacher counts as another one and is trained again.
"""

from __future__ import annotations

from torch import nn

PATCH, WIDTH, LAYERS, HEADS = 4, 64, 4, 4


def vit(num_classes: int, in_channels: int, image_size: int) -> nn.Module:
    """torchvision's transformer; 139,018 weights for ten classes of grey 28×28 images."""
    from torchvision.models import VisionTransformer

    network = VisionTransformer(
        image_size=image_size,
        patch_size=PATCH,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=WIDTH,
        mlp_dim=2 * WIDTH,
        num_classes=num_classes,
    )
    network.conv_proj = nn.Conv2d(in_channels, WIDTH, PATCH, PATCH)  # torchvision's takes 3 colours
    return network
