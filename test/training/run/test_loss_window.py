import pytest
import torch

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.training.run.loss_window import loss_window


def test_every_offset_of_the_loss_comes_up_once() -> None:
    looked_at = torch.zeros(1, 6, 6)
    for step in range(9):
        window = loss_window(3, step)
        window.of_labels(looked_at).add_(1)
    assert (looked_at == 1).all()


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_logits_and_gradient_are_those_of_the_upsampled_pixels(step: int, align_corners: bool) -> None:
    """Rows and columns differ in number, so that swapping them would be seen."""
    logits = torch.randn(2, 3, 5, 8, dtype=torch.float32, generator=torch.Generator().manual_seed(step))
    size, window = (21, 30), loss_window(2, step)
    twice = [logits.clone().requires_grad_() for _ in range(2)]
    whole = upsample(twice[0], size, align_corners)[..., step % 2 :: 2, step // 2 % 2 :: 2]
    chosen = window.of_logits(twice[1], size, align_corners)
    torch.testing.assert_close(chosen, whole)
    looked_at = torch.randn_like(whole)
    for answer in (whole, chosen):
        (answer * looked_at).sum().backward()
    torch.testing.assert_close(twice[1].grad, twice[0].grad)


def test_a_stride_of_one_looks_at_all() -> None:
    logits = torch.randn(1, 2, 4, 4)
    assert torch.equal(loss_window(1, 7).of_logits(logits, (16, 16), False), upsample(logits, (16, 16)))
