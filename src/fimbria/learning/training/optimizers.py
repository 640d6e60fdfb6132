"""Optimizers by name: those of ClinicaDL, with PyTorch's defaults; `learning_rate` is PyTorch's `lr`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import optim

from fimbria.errors import ComponentError
from fimbria.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch.nn import Parameter

    Parameters = Iterable[Parameter]

Decay = Annotated[float, Field(ge=0, lt=1)]
Betas = tuple[Decay, Decay]

optimizer: Registry[optim.Optimizer] = Registry("optimizer")


@optimizer("adadelta")
def adadelta(
    parameters: Parameters,
    learning_rate: PositiveFloat = 1.0,
    weight_decay: NonNegativeFloat = 0.0,
    rho: Annotated[float, Field(ge=0, le=1)] = 0.9,
    eps: NonNegativeFloat = 1e-6,
) -> optim.Optimizer:
    """Take steps that are scaled by running means of past squared gradients and of past squared steps.

    References
    ----------
    Zeiler, M. D. (2012). ADADELTA: an adaptive learning rate method. doi:10.48550/arXiv.1212.5701
    """
    return optim.Adadelta(parameters, lr=learning_rate, rho=rho, eps=eps, weight_decay=weight_decay)


@optimizer("adagrad")
def adagrad(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-2,
    weight_decay: NonNegativeFloat = 0.0,
    lr_decay: NonNegativeFloat = 0.0,
    initial_accumulator_value: NonNegativeFloat = 0.0,
    eps: NonNegativeFloat = 1e-10,
) -> optim.Optimizer:
    """Take steps that shrink with the sum of all past squared gradients.

    References
    ----------
    Duchi, J., Hazan, E. & Singer, Y. (2011). Adaptive subgradient methods for online learning and stochastic optimization.
    Journal of Machine Learning Research 12, 2121-2159.
    """
    return optim.Adagrad(
        parameters,
        lr=learning_rate,
        lr_decay=lr_decay,
        weight_decay=weight_decay,
        initial_accumulator_value=initial_accumulator_value,
        eps=eps,
    )


@optimizer("adam")
def adam(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-3,
    weight_decay: NonNegativeFloat = 0.0,
    betas: Betas = (0.9, 0.999),
    eps: NonNegativeFloat = 1e-8,
    amsgrad: bool = False,  # noqa: FBT001, FBT002  (an option by its name)
) -> optim.Optimizer:
    """Adaptive moment estimation: steps scaled by running means of gradients and of their squares.

    References
    ----------
    Kingma, D. P. & Ba, J. (2015). Adam: a method for stochastic optimization. ICLR. doi:10.48550/arXiv.1412.6980
    Reddi, S. J. et al. (2018), for `amsgrad`. On the convergence of Adam and beyond. ICLR. doi:10.48550/arXiv.1904.09237
    """
    return optim.Adam(parameters, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


@optimizer("adamw")
def adamw(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-3,
    weight_decay: NonNegativeFloat = 1e-2,
    betas: Betas = (0.9, 0.999),
    eps: NonNegativeFloat = 1e-8,
    amsgrad: bool = False,  # noqa: FBT001, FBT002  (an option by its name)
) -> optim.Optimizer:
    """Adam whose weight decay is apart from the gradient, so that it is the same for every weight.

    References
    ----------
    Loshchilov, I. & Hutter, F. (2019). Decoupled weight decay regularization. ICLR. doi:10.48550/arXiv.1711.05101
    """
    return optim.AdamW(parameters, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)


@optimizer("adamax")
def adamax(
    parameters: Parameters,
    learning_rate: PositiveFloat = 2e-3,
    weight_decay: NonNegativeFloat = 0.0,
    betas: Betas = (0.9, 0.999),
    eps: NonNegativeFloat = 1e-8,
) -> optim.Optimizer:
    """Adam with the largest of the past gradients in place of the mean of their squares.

    References
    ----------
    Kingma, D. P. & Ba, J. (2015), section 7. Adam: a method for stochastic optimization. ICLR.
    doi:10.48550/arXiv.1412.6980
    """
    return optim.Adamax(parameters, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay)


@optimizer("asgd")
def asgd(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-2,
    weight_decay: NonNegativeFloat = 0.0,
    lambd: NonNegativeFloat = 1e-4,
    alpha: NonNegativeFloat = 0.75,
    t0: NonNegativeFloat = 1e6,
) -> optim.Optimizer:
    """Gradient descent that also averages the weights; the average stays in its state, the last weights are those kept.

    lambd and alpha say how the learning rate falls, t0 after how many steps the averaging begins.

    References
    ----------
    Polyak, B. T. & Juditsky, A. B. (1992). Acceleration of stochastic approximation by averaging. SIAM Journal on Control
    and Optimization 30(4), 838-855. doi:10.1137/0330046
    """
    return optim.ASGD(parameters, lr=learning_rate, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay)


@optimizer("nadam")
def nadam(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 2e-3,
    weight_decay: NonNegativeFloat = 0.0,
    betas: Betas = (0.9, 0.999),
    eps: NonNegativeFloat = 1e-8,
    momentum_decay: NonNegativeFloat = 4e-3,
) -> optim.Optimizer:
    """Adam with Nesterov's momentum, which looks one step ahead.

    References
    ----------
    Dozat, T. (2016). Incorporating Nesterov momentum into Adam. ICLR workshop.
    """
    return optim.NAdam(
        parameters, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
    )


@optimizer("radam")
def radam(
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-3,
    weight_decay: NonNegativeFloat = 0.0,
    betas: Betas = (0.9, 0.999),
    eps: NonNegativeFloat = 1e-8,
) -> optim.Optimizer:
    """Adam that scales its first steps only as far as they can be trusted.

    References
    ----------
    Liu, L. et al. (2020). On the variance of the adaptive learning rate and beyond. ICLR. doi:10.48550/arXiv.1908.03265
    """
    return optim.RAdam(parameters, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay)


@optimizer("rmsprop")
def rmsprop(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-2,
    weight_decay: NonNegativeFloat = 0.0,
    alpha: Decay = 0.99,
    eps: NonNegativeFloat = 1e-8,
    momentum: Decay = 0.0,
    centered: bool = False,  # noqa: FBT001, FBT002  (an option by its name)
) -> optim.Optimizer:
    """Divide steps by the root of a running mean of squared gradients; with `centered`, by their deviation.

    References
    ----------
    Tieleman, T. & Hinton, G. (2012). Lecture 6.5, RMSProp. Coursera: Neural networks for machine learning.
    Graves, A. (2013), for `centered`. Generating sequences with recurrent neural networks. doi:10.48550/arXiv.1308.0850
    """
    return optim.RMSprop(
        parameters,
        lr=learning_rate,
        alpha=alpha,
        eps=eps,
        weight_decay=weight_decay,
        momentum=momentum,
        centered=centered,
    )


@optimizer("sgd")
def sgd(  # noqa: PLR0913, PLR0917  (its signature is its schema)
    parameters: Parameters,
    learning_rate: PositiveFloat = 1e-3,
    weight_decay: NonNegativeFloat = 0.0,
    momentum: Decay = 0.0,
    dampening: NonNegativeFloat = 0.0,
    nesterov: bool = False,  # noqa: FBT001, FBT002  (an option by its name)
) -> optim.Optimizer:
    """Stochastic gradient descent; with `momentum` (0.9 is usual) past gradients count too.

    References
    ----------
    Robbins, H. & Monro, S. (1951). A stochastic approximation method. Annals of Mathematical Statistics 22(3), 400-407.
    doi:10.1214/aoms/1177729586

    Raises
    ------
    ComponentError
        When Nesterov's momentum is wanted without momentum, or with dampening.
    """
    if nesterov and (momentum == 0 or dampening):
        msg = f"optimizer 'sgd': nesterov needs a momentum and no dampening; momentum is {momentum:g} and dampening {dampening:g}."
        raise ComponentError(msg)
    return optim.SGD(
        parameters,
        lr=learning_rate,
        momentum=momentum,
        dampening=dampening,
        weight_decay=weight_decay,
        nesterov=nesterov,
    )
