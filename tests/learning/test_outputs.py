from __future__ import annotations

import torch

from fimbria.learning.outputs import Domains, Variational, plain


def test_a_tensor_loses_the_way_it_came_to_be():
    given = torch.ones(2, dtype=torch.bfloat16, requires_grad=True) * 2
    made = plain(given)
    assert (made.dtype, made.requires_grad, made.tolist()) == (torch.float32, False, [2, 2])


def test_several_keep_their_names():
    for kind in (Variational, Domains):
        made = plain(kind(*(torch.ones(2, dtype=torch.float16) * n for n in range(3))))
        assert type(made) is kind
        assert [one.dtype for one in made] == [torch.float32] * 3
        assert made[2].tolist() == [2, 2]


def test_a_tuple_stays_one():
    assert type(plain((torch.ones(1), torch.ones(1)))) is tuple
