"""The average of the weights: which way it goes, how fast, and what of a model it leaves alone."""

from __future__ import annotations

import torch
from torch import nn

from densehybrid_ros.training.run.average import averaged_model, count_averaged


class Model(nn.Module):
    """A weight, a statistic that is averaged, and a counter that is copied."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), value))
        self.register_buffer("statistic", torch.full((2,), value))
        self.register_buffer("counter", torch.tensor(int(value)))

    def become(self, value: float) -> None:
        for tensor in self.state_dict().values():
            tensor.fill_(value)


def test_the_average_follows_the_model_and_not_the_model_the_average() -> None:
    model = Model(0.0)
    average = averaged_model(model, 0.9)
    model.become(10.0)
    expected = 0.0
    for step in range(200):
        decay = min(0.9, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * 10
        average.update_parameters(model)
        for name in ("weight", "statistic"):
            torch.testing.assert_close(average.module.state_dict()[name], torch.full((2,), expected))
        assert average.module.state_dict()["counter"] == 10
    assert all((value == 10).all() for value in model.state_dict().values())
    assert not average.training


def test_the_first_steps_weigh_the_start_little() -> None:
    model = Model(1.0)
    average = averaged_model(model, 0.999)
    model.become(0.0)
    average.update_parameters(model)
    torch.testing.assert_close(average.module.state_dict()["weight"], torch.full((2,), 0.1))


def test_a_resumed_average_goes_on_where_it_was() -> None:
    averages = []
    for resumed in (False, True):
        model = Model(4.0)
        average = averaged_model(model, 0.999)
        for step in range(30):
            if resumed and step == 20:
                kept = average.module.state_dict()
                average = averaged_model(Model(7.0), 0.999)
                average.module.load_state_dict(kept)
                count_averaged(average, 20)
            model.become(float(step))
            average.update_parameters(model)
        averages.append(average.module.state_dict()["weight"].clone())
    assert torch.equal(averages[0], averages[1])
