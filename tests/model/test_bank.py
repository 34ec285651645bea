"""A bank's rows and their gradients."""

import pytest
import torch

from ppt_dist.model.bank import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank({"scannet": torch.ones(3), "s3dis": torch.arange(4.0)})


def test_reading_a_row_gives_every_other_row_a_gradient_of_zeros(bank):
    (bank("s3dis") * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()

    assert bank.get_parameter("s3dis").grad.tolist() == [1, 2, 3, 4]
    assert bank.get_parameter("scannet").grad.tolist() == [0, 0, 0]


def test_parameters_are_called_by_the_names_of_the_domains(bank):
    assert list(bank.state_dict()) == ["scannet", "s3dis"]


def test_rows_are_copies_of_what_was_given():
    value = torch.ones(2)
    bank = Bank({"scannet": value, "s3dis": value})

    bank.get_parameter("scannet").data.zero_()

    assert bank("s3dis").tolist() == [1, 1]
    assert value.tolist() == [1, 1]
