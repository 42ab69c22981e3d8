"""Visual attribute transfer through deep image analogy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dia_pipeline.algorithm.coarse_to_fine import Progress
    from dia_pipeline.analogy import Analogy

__version__ = "0.1.0"


def run(
    a: Any,
    b_prime: Any,
    *,
    device: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Analogy:
    """Process one pair in memory: A' has the structure of A and the style of B', B the reverse.

    Args:
        a, b_prime: images of any usual kind: paths, Pillow images, arrays (H, W, 3), torch tensors
            (3, H, W); uint8, uint16 or floats from 0 to 1; grey or with alpha, which is laid over
            white.
        device: a torch device, or `auto`.
        progress: called with the level and the step that begins.
        options: `task`, `preset`, `quality`, `blend` and the fields of
            `dia_pipeline.settings.Settings`.

    Returns:
        Images (H, W, 3) uint8 and fields (H, W, 2) int32, as arrays.

    Raises:
        SettingsError, ImageError, WeightsError: the message says what to do.
    """
    from dia_pipeline.algorithm.network import Network, pick_device
    from dia_pipeline.analogy import analogy
    from dia_pipeline.io.images import as_image
    from dia_pipeline.io.weights import find_weights
    from dia_pipeline.settings import FEATURE_MATCHERS, resolve

    settings = resolve(options)
    images = as_image(a, "a"), as_image(b_prime, "b_prime")
    network = None
    if settings.matcher in FEATURE_MATCHERS:
        network = Network(find_weights(settings.backbone), pick_device(device), settings.precision)
    return analogy(*images, network, settings, progress or (lambda level, step: None))
